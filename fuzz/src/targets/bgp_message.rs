//! The BGP codec.

use bgp_demo::message::{self, DecodeContext, HEADER_OCTETS, MESSAGE_OCTETS_MAX, Message};

/// A message, as it is and with a right header before it: what was decoded and is written again decodes to the same.
///
/// # Panics
/// A promise of the codec is broken.
pub fn run(octets: &[u8]) {
    let Some((&kind, body)) = octets.split_first() else {
        return;
    };
    if let Ok(Some(length)) = message::frame(body) {
        assert!((HEADER_OCTETS..=MESSAGE_OCTETS_MAX).contains(&length));
    }
    let mut whole = vec![0xff; 16];
    whole.extend_from_slice(&((HEADER_OCTETS + body.len()) as u16).to_be_bytes());
    whole.push(1 + kind % 5);
    whole.extend_from_slice(body);
    let four_octet_as = kind & 0x40 == 0;
    let external = kind & 0x80 == 0;
    let context = DecodeContext {
        four_octet_as,
        external,
    };
    for message in [body, &whole] {
        if let Ok(decoded) = message::decode(message, context) {
            write_again(&decoded, context);
        }
    }
}

fn write_again(decoded: &Message, context: DecodeContext) {
    match decoded {
        // A speaker offers some family; the absence of all of them cannot be written.
        Message::Open(open) if !open.families.is_empty() => {
            let again = message::encode_open(open);
            assert_eq!(message::decode(&again, context).as_ref(), Ok(decoded));
        }
        Message::Notification(notification) => {
            let again = message::encode_notification(notification);
            assert!(message::decode(&again, context).is_ok());
        }
        Message::Update(update) => {
            for announcement in &update.announced {
                let attributes = &announcement.attributes;
                let written = message::encode_attributes(attributes, context.four_octet_as);
                let prefixes = &announcement.prefixes;
                let (again, taken) =
                    message::encode_announce(&written, attributes, prefixes, MESSAGE_OCTETS_MAX);
                assert!(again.len() <= MESSAGE_OCTETS_MAX && taken <= prefixes.len());
                if taken > 0 {
                    announced_again(&again, context, announcement, taken);
                }
            }
            let (again, taken) = message::encode_withdraw(&update.withdrawn, MESSAGE_OCTETS_MAX);
            assert!(again.len() <= MESSAGE_OCTETS_MAX && taken <= update.withdrawn.len());
        }
        Message::Open(_) | Message::Keepalive | Message::RouteRefresh(_) => {}
    }
}

fn announced_again(
    octets: &[u8],
    context: DecodeContext,
    announcement: &message::Announcement,
    taken: usize,
) {
    let decoded = message::decode(octets, context);
    let Ok(Message::Update(update)) = decoded else {
        panic!("what was written is no UPDATE: {decoded:?}");
    };
    let [again] = &update.announced[..] else {
        panic!("one announcement became {:?}", update.announced);
    };
    assert_eq!(again.prefixes, announcement.prefixes[..taken]);
    assert_eq!(again.attributes, announcement.attributes);
    assert!(update.faults.is_empty(), "{:?}", update.faults);
}
