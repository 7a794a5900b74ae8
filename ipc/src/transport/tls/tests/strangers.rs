//! Who is not let in, and that whoever is of the pair always is.

use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, Issuer, KeyPair, SanType};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use super::*;

/// The files of a certificate that the authority of `pair` issues with `change`d particulars.
fn odd(pair: &Pair, change: impl FnOnce(&mut CertificateParams)) -> CredentialFiles {
    let dir = pair.dir.path();
    let text = fs::read_to_string(dir.join("ca.key")).unwrap();
    let mut authority = CertificateParams::default();
    authority.distinguished_name = rcgen::DistinguishedName::new();
    let common = format!("authority of {}", pair.order.pair);
    authority
        .distinguished_name
        .push(rcgen::DnType::CommonName, common);
    let issuer = Issuer::new(authority, KeyPair::from_pem(&text).unwrap());
    let mut params = CertificateParams::default();
    let uri = pair.order.pair.uri().try_into().unwrap();
    params.subject_alt_names = vec![SanType::URI(uri)];
    params.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::ServerAuth,
        ExtendedKeyUsagePurpose::ClientAuth,
    ];
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    let made = params.signed_by(&key, &issuer).unwrap();
    let files = CredentialFiles {
        certificate: dir.join("odd.crt"),
        key: dir.join("odd.key"),
        authority: dir.join("ca.crt"),
    };
    write(&files.certificate, &made.pem());
    write(&files.key, &key.serialize_pem());
    files
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// That `stranger` is refused for `reason` by the node that listens, is told so, and harms nobody.
fn assert_refused(pair: &Pair, stranger: &Credentials, reason: Refusal) {
    let listening = Listening::new(pair.node("a"));
    // A client is done before it is judged: it learns of it when it reads.
    let mut dialled = listening.dial(stranger).unwrap();
    listening.refused(reason);
    let error = end_of(&mut dialled).unwrap_err();
    assert!(error.contains("alert"), "{error}");
    assert!(listening.listener.accept().is_err());
    listening.lets_in(&pair.node("b"));
    assert_eq!(listening.refusals.last().unwrap().reason, reason);
}

/// That a node of the pair refuses to talk to `stranger`, who listens.
fn assert_not_called(pair: &Pair, stranger: Credentials, reason: Refusal) {
    let listening = Listening::new(stranger);
    let failed = listening.dial(&pair.node("b")).unwrap_err();
    assert_eq!(failed.refusal, Some(reason), "{failed}");
    listening.refused(Refusal::Declined);
}

/// Credentials of `other`'s certificate under which its owner would take `pair` for its own.
fn trusting(pair: &Pair, mut files: CredentialFiles, own: &Pair, name: &str) -> Credentials {
    // The own certificate has to stand before the own judgement: both authorities are in the file.
    let both = own.dir.path().join("both.crt");
    let of = |pair: &Pair| fs::read_to_string(pair.dir.path().join("ca.crt")).unwrap();
    write(&both, &(of(own) + &of(pair)));
    files.authority = both;
    Credentials::load(&files, &name.parse().unwrap()).unwrap()
}

#[test]
fn a_certificate_of_another_authority_is_refused() {
    let (pair, other) = (Pair::new("lab"), Pair::new("lab"));
    let stranger = trusting(&pair, other.order.files("b"), &other, "lab");
    assert_refused(&pair, &stranger, Refusal::OtherAuthority);
    assert_not_called(&pair, stranger, Refusal::OtherAuthority);
}

#[test]
fn a_certificate_of_another_pair_under_the_same_authority_is_refused() {
    let pair = Pair::new("lab");
    let files = odd(&pair, |params| {
        params.subject_alt_names = ["tcp-ha:pair:field", "tcp-ha:pair:labs", "tcp-ha:pair:LAB"]
            .map(|uri| SanType::URI(uri.try_into().unwrap()))
            .to_vec();
    });
    // It is of the pair that its owner says, and would take the other's certificate for one of the same authority only.
    let stranger = Credentials::load(&files, &"field".parse().unwrap()).unwrap();
    let listening = Listening::new(pair.node("a"));
    let failed = listening.dial(&stranger).unwrap_err();
    assert_eq!(failed.refusal, Some(Refusal::OtherPair), "{failed}");
    let listening = Listening::new(stranger);
    let failed = listening.dial(&pair.node("b")).unwrap_err();
    assert_eq!(failed.refusal, Some(Refusal::OtherPair), "{failed}");
}

#[test]
fn a_certificate_of_another_pair_is_refused_whatever_its_owner_takes() {
    let pair = Pair::new("lab");
    let files = odd(&pair, |params| {
        params.subject_alt_names = vec![SanType::DnsName("tcp-ha.pair.lab".try_into().unwrap())];
    });
    let listening = Listening::new(pair.node("a"));
    let mut careless = Careless::new(&listening, Some(&files));
    careless.drive_to_the_end();
    listening.refused(Refusal::OtherPair);
    listening.lets_in(&pair.node("b"));
}

#[test]
fn a_certificate_that_is_over_is_refused() {
    let pair = Pair::new("lab");
    let files = odd(&pair, |params| {
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    });
    let then = rustls::pki_types::UnixTime::since_unix_epoch(Duration::from_secs(1_590_000_000));
    let stranger = Credentials::load_at(&files, &pair.order.pair, then.into()).unwrap();
    assert_refused(&pair, &stranger, Refusal::Expired);
    assert_not_called(&pair, stranger, Refusal::Expired);
}

#[test]
fn a_certificate_of_the_future_is_refused() {
    let pair = Pair::new("lab");
    let files = odd(&pair, |params| {
        params.not_before = rcgen::date_time_ymd(2500, 1, 1);
        params.not_after = rcgen::date_time_ymd(2501, 1, 1);
    });
    let then = rustls::pki_types::UnixTime::since_unix_epoch(Duration::from_secs(16_740_000_000));
    let stranger = Credentials::load_at(&files, &pair.order.pair, then.into()).unwrap();
    assert_refused(&pair, &stranger, Refusal::NotYetValid);
    assert_not_called(&pair, stranger, Refusal::NotYetValid);
}

#[test]
fn a_certificate_for_servers_alone_is_no_client_s() {
    let pair = Pair::new("lab");
    let files = odd(&pair, |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    });
    let error = Credentials::load(&files, &pair.order.pair).unwrap_err();
    assert!(error.what.contains("server and client"), "{error}");
    let listening = Listening::new(pair.node("a"));
    let mut careless = Careless::new(&listening, Some(&files));
    careless.drive_to_the_end();
    listening.refused(Refusal::UnfitCertificate);
}

#[test]
fn nobody_without_a_certificate_is_let_in() {
    let pair = Pair::new("lab");
    let listening = Listening::new(pair.node("a"));
    Careless::new(&listening, None).drive_to_the_end();
    listening.refused(Refusal::NoCertificate);
    listening.lets_in(&pair.node("b"));
}

#[test]
fn whoever_does_not_say_the_protocol_s_name_is_not_let_in() {
    let pair = Pair::new("lab");
    let listening = Listening::new(pair.node("a"));
    for names in [vec![], vec![b"h2".to_vec()]] {
        let before = listening.refusals.of(Refusal::Incompatible);
        let files = pair.order.files("b");
        let mut careless = Careless::with(&listening, Some(&files), names);
        careless.drive_to_the_end();
        eventually("a refusal", || {
            (listening.refusals.of(Refusal::Incompatible) > before).then_some(())
        });
    }
}

#[test]
fn plain_octets_are_refused_whatever_they_are() {
    let pair = Pair::new("lab");
    let listening = Listening::new(pair.node("a"));
    let hello = b"tHAf\x01\x01\0\0\x40\0\0\0".as_slice();
    for (at, octets) in [
        hello,
        b"GET / HTTP/1.0\r\n\r\n",
        &[0; 4096],
        &[0xff; 70_000],
    ]
    .into_iter()
    .enumerate()
    {
        let mut raw = TcpStream::connect(listening.listener.address()).unwrap();
        // Whoever writes much may find itself cut off in the middle.
        let _ = raw.write_all(octets);
        let _ = raw.read_to_end(&mut Vec::new());
        eventually("a refusal", || {
            (listening.refusals.of(Refusal::NotTls) > at as u64).then_some(())
        });
    }
    listening.lets_in(&pair.node("b"));
}

#[test]
fn who_hangs_up_within_the_handshake_is_counted() {
    let pair = Pair::new("lab");
    let listening = Listening::new(pair.node("a"));
    drop(TcpStream::connect(listening.listener.address()).unwrap());
    listening.refused(Refusal::HungUp);
}

#[test]
fn the_silent_are_cut_off_and_keep_nobody_out_meanwhile() {
    let pair = Pair::new("lab");
    let listening = Listening::new(pair.node("a"));
    let address = listening.listener.address();
    let begun = Instant::now();
    let silent: Vec<_> = (0..8)
        .map(|_| TcpStream::connect(address).unwrap())
        .collect();
    listening.lets_in(&pair.node("b"));
    assert!(
        begun.elapsed() < Duration::from_secs(2),
        "waited for the silent"
    );
    eventually("all silent ones cut off", || {
        (listening.refusals.of(Refusal::HandshakeTimedOut) == 8).then_some(())
    });
    drop(silent);
}

#[test]
fn of_too_many_the_oldest_give_way_and_the_pair_s_own_gets_in() {
    let pair = Pair::new("lab");
    let listening = Listening::new(pair.node("a"));
    let address = listening.listener.address();
    let silent: Vec<_> = (0..24)
        .map(|_| TcpStream::connect(address).unwrap())
        .collect();
    eventually("eight gave way", || {
        (listening.refusals.of(Refusal::TooMany) == 8).then_some(())
    });
    let is_open = |mut stream: &TcpStream| {
        stream.set_nonblocking(true).unwrap();
        let read = stream.read(&mut [0; 64]);
        read.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    };
    assert!(silent[..8].iter().all(|stream| !is_open(stream)));
    assert!(is_open(&silent[23]), "the youngest stays");
    listening.lets_in(&pair.node("b"));
    drop(silent);
}

#[test]
fn those_who_passed_and_are_not_taken_are_few() {
    let pair = Pair::new("lab");
    let listening = Listening::new(pair.node("a"));
    let b = pair.node("b");
    let dialled: Vec<_> = (0..8).map(|_| listening.dial(&b).unwrap()).collect();
    eventually("four turned away", || {
        (listening.refusals.of(Refusal::TooMany) == 4).then_some(())
    });
    let taken = (0..8)
        .filter(|_| listening.listener.accept().is_ok())
        .count();
    assert_eq!(taken, 4);
    drop(dialled);
    listening.lets_in(&b);
}

#[test]
fn a_flood_of_tickets_ends_the_stream() {
    let pair = Pair::new("lab");
    let mut flooding = pair.node("a");
    let mut server = (*flooding.server).clone();
    server.send_tls13_tickets = 4_000;
    server.session_storage = rustls::server::ServerSessionMemoryCache::new(1 << 13);
    flooding.server = Arc::new(server);
    let listening = Listening::new(flooding);
    let mut near = listening.dial(&pair.node("b")).unwrap();
    let error = end_of(&mut near).unwrap_err();
    assert!(!error.is_empty(), "{error}");
}

#[test]
fn a_flood_of_new_keys_ends_the_stream() {
    let pair = Pair::new("lab");
    let listening = Listening::new(pair.node("a"));
    let mut careless = Careless::new(&listening, Some(&pair.order.files("b")));
    careless
        .connection
        .complete_io(&mut careless.stream)
        .unwrap();
    let mut far = listening.accepted();
    let stream = careless.stream.try_clone().unwrap();
    let flooding = std::thread::spawn(move || {
        // Requests to change keys have no content.
        loop {
            if careless.connection.refresh_traffic_keys().is_err() {
                return;
            }
            if careless.connection.write_tls(&mut careless.stream).is_err() {
                return;
            }
        }
    });
    let error = end_of(&mut far).unwrap_err();
    assert!(!error.is_empty(), "{error}");
    drop(far);
    let _ = stream.shutdown(std::net::Shutdown::Both);
    flooding.join().unwrap();
}

/// A foreign client that takes any certificate and shows what it likes.
struct Careless {
    stream: TcpStream,
    connection: ClientConnection,
}

impl Careless {
    fn new(listening: &Listening, files: Option<&CredentialFiles>) -> Self {
        Self::with(listening, files, vec![credentials::PROTOCOL.to_vec()])
    }

    fn with(
        listening: &Listening,
        files: Option<&CredentialFiles>,
        protocols: Vec<Vec<u8>>,
    ) -> Self {
        use rustls::pki_types::pem::PemObject;
        use rustls::pki_types::{CertificateDer, PrivateKeyDer};
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(anyone::TakesAnyone));
        let mut config = match files {
            None => builder.with_no_client_auth(),
            Some(files) => {
                let chain = CertificateDer::pem_file_iter(&files.certificate)
                    .unwrap()
                    .map(Result::unwrap)
                    .collect();
                let key = PrivateKeyDer::from_pem_file(&files.key).unwrap();
                builder.with_client_auth_cert(chain, key).unwrap()
            }
        };
        config.alpn_protocols = protocols;
        let address = listening.listener.address();
        let name = ServerName::IpAddress(address.ip().into());
        let stream = TcpStream::connect(address).unwrap();
        // Where it is let in by mistake, nobody ends the conversation.
        stream
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        Self {
            stream,
            connection: ClientConnection::new(Arc::new(config), name).unwrap(),
        }
    }

    /// Until the other side has closed, whatever it says.
    fn drive_to_the_end(&mut self) {
        loop {
            let _ = self.connection.complete_io(&mut self.stream);
            match self.connection.read_tls(&mut self.stream) {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
            if self.connection.process_new_packets().is_err() {
                return;
            }
        }
    }
}

mod anyone {
    use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
    use rustls::crypto::ring::default_provider;
    use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
    use rustls::{DigitallySignedStruct, Error, SignatureScheme};

    #[derive(Debug)]
    pub(super) struct TakesAnyone;

    impl ServerCertVerifier for TakesAnyone {
        fn verify_server_cert(
            &self,
            _: &CertificateDer<'_>,
            _: &[CertificateDer<'_>],
            _: &ServerName<'_>,
            _: &[u8],
            _: UnixTime,
        ) -> Result<ServerCertVerified, Error> {
            Ok(ServerCertVerified::assertion())
        }

        fn verify_tls12_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Ok(HandshakeSignatureValid::assertion())
        }

        fn verify_tls13_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Ok(HandshakeSignatureValid::assertion())
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            default_provider()
                .signature_verification_algorithms
                .supported_schemes()
        }
    }
}
