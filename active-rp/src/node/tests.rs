use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use tokio::sync::oneshot;

use super::*;
use crate::testing::TempDir;

/// A node that keeps what it was told.
#[derive(Clone, Default)]
struct Fake(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    told: Vec<String>,
    standby: bool,
    refuses: bool,
    hangs: bool,
}

impl Fake {
    fn told(&self) -> Vec<String> {
        self.0.lock().unwrap().told.clone()
    }

    fn tell(&self, what: &str) {
        self.0.lock().unwrap().told.push(what.to_owned());
    }

    fn with(standby: bool, refuses: bool, hangs: bool) -> Self {
        let inner = Inner {
            standby,
            refuses,
            hangs,
            told: Vec::new(),
        };
        Self(Arc::new(Mutex::new(inner)))
    }
}

impl Node for Fake {
    async fn status(&self) -> Result<Value, String> {
        Ok(serde_json::json!({ "role": "active" }))
    }

    async fn routes(&self) -> Result<String, String> {
        Ok("[]".to_owned())
    }

    async fn originate(&self, announce: bool, text: String) -> Result<usize, String> {
        self.tell(&format!("{announce} {text}"));
        if text.contains("nonsense") {
            Err("line 1: nonsense".to_owned())
        } else {
            Ok(text.lines().count())
        }
    }

    async fn set_security(&self, table: tcp_ha::engine::auth::SecurityTable) -> Result<(), String> {
        self.tell(&format!("security {}", table.entries().count()));
        Ok(())
    }

    async fn switchover(&self) -> Result<(), String> {
        self.tell("switchover");
        let (refuses, hangs) = {
            let inner = self.0.lock().unwrap();
            (inner.refuses, inner.hangs)
        };
        if hangs {
            core::future::pending::<()>().await;
        }
        if refuses {
            Err("session 3 is not ready".to_owned())
        } else {
            Ok(())
        }
    }

    async fn wish(&self, wish: Wish) -> Result<(), String> {
        self.tell(&wish.to_string());
        match wish {
            Wish::Unprotect(_) => Ok(()),
            _ => Err("there is no standby".to_owned()),
        }
    }

    async fn has_standby(&self) -> bool {
        self.0.lock().unwrap().standby
    }

    async fn stop(&self) {
        self.tell("stop");
    }
}

struct Running {
    asked: mpsc::Sender<Asked>,
    told: mpsc::Sender<()>,
    end: oneshot::Sender<Ended>,
    attending: tokio::task::JoinHandle<Ended>,
}

fn run(node: &Fake) -> Running {
    let (asked, questions) = mpsc::channel(8);
    let (told, wishes) = mpsc::channel(8);
    let (end, ended) = oneshot::channel();
    let ended = async { ended.await.unwrap_or(Ended::Failed("dropped".to_owned())) };
    let attending = tokio::spawn(attend(node.clone(), questions, wishes, ended));
    Running {
        asked,
        told,
        end,
        attending,
    }
}

impl Running {
    async fn ask(&self, request: Request) -> Result<String, String> {
        let (answer, answered) = oneshot::channel();
        self.asked.send(Asked { request, answer }).await.unwrap();
        answered.await.unwrap()
    }
}

#[tokio::test]
async fn questions_are_answered() {
    let running = run(&Fake::default());
    assert_eq!(
        running.ask(Request::Status).await.unwrap(),
        "{\"role\":\"active\"}"
    );
    assert_eq!(running.ask(Request::Routes).await.unwrap(), "[]");
    assert_eq!(
        running.ask(Request::Switchover).await.unwrap(),
        "{\"switchover\":\"done\"}"
    );
}

#[tokio::test]
async fn wishes_are_passed_on_and_answered() {
    let node = Fake::default();
    let running = run(&node);
    let granted = running.ask(Request::Wish(Wish::Unprotect(7))).await;
    assert_eq!(granted.unwrap(), "{\"done\":\"unprotect 7\"}");
    let refused = running.ask(Request::Wish(Wish::Dismiss)).await;
    assert_eq!(refused, Err("there is no standby".to_owned()));
    assert_eq!(node.told(), ["unprotect 7", "dismiss"]);
}

#[tokio::test]
async fn a_refused_switchover_gives_its_reason() {
    let running = run(&Fake::with(true, true, false));
    assert_eq!(
        running.ask(Request::Switchover).await,
        Err("session 3 is not ready".to_owned())
    );
}

#[tokio::test]
async fn files_of_routes_are_read_and_their_mistakes_told() {
    let dir = TempDir::new();
    let node = Fake::default();
    let running = run(&node);
    let originate = |announce, name: &str| Request::Originate {
        announce,
        file: dir.path().join(name),
    };
    std::fs::write(dir.path().join("good"), "one\ntwo\n").unwrap();
    std::fs::write(dir.path().join("bad"), "nonsense\n").unwrap();
    assert_eq!(
        running.ask(originate(true, "good")).await.unwrap(),
        "{\"announced\":2}"
    );
    assert_eq!(
        running.ask(originate(false, "good")).await.unwrap(),
        "{\"withdrawn\":2}"
    );
    assert_eq!(node.told(), ["true one\ntwo\n", "false one\ntwo\n"]);
    let error = running.ask(originate(true, "bad")).await.unwrap_err();
    assert!(error.ends_with("bad: line 1: nonsense"), "{error}");
    let missing = Request::Originate {
        announce: true,
        file: PathBuf::from("/nowhere"),
    };
    assert!(
        running
            .ask(missing)
            .await
            .unwrap_err()
            .starts_with("cannot read /nowhere")
    );
}

#[tokio::test]
async fn a_question_that_takes_long_holds_up_no_other() {
    let running = run(&Fake::with(true, false, true));
    let (answer, _unanswered) = oneshot::channel();
    running
        .asked
        .send(Asked {
            request: Request::Switchover,
            answer,
        })
        .await
        .unwrap();
    assert!(running.ask(Request::Status).await.is_ok());
}

#[tokio::test]
async fn an_active_with_a_standby_hands_over_before_it_ends() {
    let node = Fake::with(true, false, false);
    let running = run(&node);
    running.told.send(()).await.unwrap();
    while node.told().is_empty() {
        tokio::task::yield_now().await;
    }
    running
        .end
        .send(Ended::Fenced("epoch 4".to_owned()))
        .unwrap();
    assert_eq!(running.attending.await.unwrap(), Ended::Stopped);
    assert_eq!(node.told(), ["switchover"]);
}

#[tokio::test]
async fn an_active_that_cannot_hand_over_falls_silent() {
    let node = Fake::with(true, true, false);
    let running = run(&node);
    running.told.send(()).await.unwrap();
    assert_eq!(running.attending.await.unwrap(), Ended::Stopped);
    assert_eq!(node.told(), ["switchover", "stop"]);
}

#[tokio::test]
async fn a_standby_resigns() {
    let node = Fake::default();
    let running = run(&node);
    running.told.send(()).await.unwrap();
    assert_eq!(running.attending.await.unwrap(), Ended::Stopped);
    assert_eq!(node.told(), ["stop"]);
}

#[tokio::test]
async fn the_second_wish_to_end_is_obeyed_at_once() {
    let node = Fake::with(true, false, true);
    let running = run(&node);
    running.told.send(()).await.unwrap();
    running.told.send(()).await.unwrap();
    assert_eq!(running.attending.await.unwrap(), Ended::Stopped);
}

#[tokio::test]
async fn a_fenced_node_ends_with_its_reason() {
    let running = run(&Fake::default());
    let fenced = Ended::Fenced("epoch 4 has another active".to_owned());
    running.end.send(fenced.clone()).unwrap();
    assert_eq!(running.attending.await.unwrap(), fenced);
}

#[tokio::test]
async fn questions_are_answered_while_it_leaves() {
    let node = Fake::with(true, false, true);
    let running = run(&node);
    running.told.send(()).await.unwrap();
    while node.told().is_empty() {
        tokio::task::yield_now().await;
    }
    assert!(running.ask(Request::Status).await.is_ok());
}
