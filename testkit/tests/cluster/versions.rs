//! A worker of another release joins: it is told so, gets nothing, and disturbs nobody.

use std::time::Duration;

use common::ids::WorkerId;
use common::protocol::{
    AgentMessage, COORDINATOR_GROUP, FromWorker, GatewayMessage, Heartbeat, Hello, ToWorker, WorkerCommand,
    WorkerFact, worker_group,
};
use common::transport::{self, Node, SessionEvent};
use common::wire::{self, Frame};
use ractor::{Actor, ActorProcessingErr, ActorRef, pg};
use serde_json::json;
use testkit::cluster::{Cluster, SOON, Shape};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use crate::RUN;

/// What both ends take where nobody sets it.
const COOKIE: &str = "netplanner";

/// The version after ours.
const NEXT: u8 = wire::VERSION + 1;

/// Passes on what the coordinator says to the worker of the next release.
struct Listener(mpsc::UnboundedSender<Frame>);

impl Actor for Listener {
    type Msg = AgentMessage;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<AgentMessage>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }

    async fn handle(
        &self,
        _: ActorRef<AgentMessage>,
        AgentMessage::Frame(frame): AgentMessage,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        self.0.send(frame)?;
        Ok(())
    }
}

fn hello_of_the_next_release(worker: WorkerId) -> Frame {
    let hello = Hello {
        build: "next".to_owned(),
        host: "elsewhere".to_owned(),
        lanes: 64,
        labels: Vec::new(),
        algorithms: br#"[{"what the next release says of algorithms": true}]"#.to_vec(),
        held: Heartbeat::default(),
    };
    let fact = WorkerFact::Hello(hello);
    wire::encode_for(NEXT, &FromWorker { worker, incarnation: 1, fact }).unwrap()
}

/// ```text
/// worker of version n+1 ─ Hello ─▶ coordinator ─ Refuse, in n+1's words ─▶ not among the workers; runs go on
/// ```
#[tokio::test]
async fn a_worker_of_another_protocol_version_is_refused_by_name_of_both_versions() {
    let cluster = Cluster::start(Shape::workers(1)).await.unwrap();
    let worker = WorkerId(uuid::Uuid::new_v4());
    let (sender, mut heard) = mpsc::unbounded_channel();
    let (listener, _) = Actor::spawn(None, Listener(sender), ()).await.unwrap();
    pg::join(worker_group(worker, 1), vec![listener.get_cell()]);
    let mut node = Node::start(format!("worker-{worker}-1"), COOKIE.to_owned()).await.unwrap();
    let tcp = TcpStream::connect(cluster.link()).await.unwrap();
    transport::prepare(&tcp).unwrap();
    node.adopt(tcp, false, ());
    let ready = async { while !matches!(node.next().await.unwrap(), SessionEvent::Ready(_)) {} };
    tokio::time::timeout(SOON, ready).await.unwrap();

    let answer = tokio::time::timeout(SOON, async {
        loop {
            // the coordinator's actor is known a moment after the session is ready
            if let Some(gateway) = pg::get_members(&COORDINATOR_GROUP.to_owned()).into_iter().next() {
                let gateway = ActorRef::<GatewayMessage>::from(gateway);
                gateway.cast(GatewayMessage::Frame(hello_of_the_next_release(worker))).unwrap();
            }
            if let Ok(frame) = tokio::time::timeout(Duration::from_millis(200), heard.recv()).await {
                break frame.unwrap();
            }
        }
    })
    .await
    .unwrap();
    assert_eq!(answer.0[0], NEXT, "it is said so that the next release understands it");
    let understood = Frame([&[wire::VERSION], &answer.0[1..]].concat());
    let ToWorker { command: WorkerCommand::Refuse { reason }, .. } = wire::decode(&understood).unwrap()
    else {
        panic!("not a refusal");
    };
    assert!(reason.contains(&NEXT.to_string()) && reason.contains(&wire::VERSION.to_string()), "{reason}");

    let workers = cluster.status().await.unwrap().workers;
    assert_eq!(workers.len(), 1, "only ours is a worker: {workers:?}");
    let run = cluster.spin(json!({ "shards": 50 })).await.unwrap();
    cluster.success(&run.id, RUN).await.unwrap();
    cluster.assert_complete(&run.id).await.unwrap();
    node.stop().await;
}
