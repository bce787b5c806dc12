use std::io::Cursor;

use broker::Broker;
use futures_util::TryStreamExt as _;

use super::*;
use crate::operator::releases::open;
use crate::{Login, Settings};

const CONTENT: &[u8] = b"bytes that a device reads";

/// Uploads `CONTENT` as somebody does who is stopped right after. Returns what was put.
async fn uploaded(jetstream: &Context, shelf: &Shelf, id: &str) -> ObjectInfo {
    let store = jetstream.get_object_store(&shelf.bucket).await.unwrap();
    let meta = ObjectMetadata {
        name: format!("{INCOMING}{id}"),
        ..ObjectMetadata::default()
    };
    store.put(meta, &mut Cursor::new(CONTENT)).await.unwrap()
}

async fn messages(shelf: &Shelf, nuid: &str) -> usize {
    let subject = shelf.chunk_subject(nuid);
    let found = shelf.stream.info_with_subjects(subject).await.unwrap();
    found.try_collect::<Vec<_>>().await.unwrap().len()
}

/// A fleet on a broker of its own, and its store of agents' binaries or of runtimes.
async fn stocked(subject: Subject) -> (Broker, Context, Names, Shelf) {
    let broker = Broker::start();
    let settings = Settings {
        fleet: "refit".parse().unwrap(),
        servers: vec![broker.url()],
        login: Login::Nobody,
        ca: None,
    };
    let names = Names::of(&settings.fleet);
    let client = crate::connect(&settings).await.unwrap();
    let jetstream = crate::jetstream(&client);
    crate::ensure(&jetstream, &names, 1).await.unwrap();
    let shelf = Shelf::of(&jetstream, &names, subject).await.unwrap();
    (broker, jetstream, names, shelf)
}

async fn content(jetstream: &Context, names: &Names, artifact: &Artifact) -> Option<Vec<u8>> {
    let reading = open(jetstream, names, artifact).await.unwrap()?;
    let chunks: Vec<_> = reading.into_stream().try_collect().await.unwrap();
    Some(chunks.concat())
}

#[tokio::test]
async fn all_platforms_of_an_agent_go_together_and_come_back_together() {
    let (_broker, jetstream, names, shelf) = stocked(Subject::Agent).await;
    let version: Version = "1.0.0".parse().unwrap();
    let agents = ["linux-x86_64", "macos-aarch64"]
        .map(|platform| Artifact::agent(version.clone(), platform.parse().unwrap()));
    let publishes = async |artifact: &Artifact, bytes: &[u8]| {
        let upload = Upload {
            artifact: artifact.clone(),
            package: "refit".to_owned(),
            by: "operator".to_owned(),
            at: Timestamp::UNIX_EPOCH,
        };
        publish(&jetstream, &names, upload, &mut Cursor::new(bytes))
            .await
            .unwrap()
    };
    for agent in &agents {
        publishes(agent, CONTENT).await;
    }
    let all = read::of_version(&jetstream, &names, Subject::Agent, &version).await;
    let gone = take_down(&shelf, &all.unwrap()).await.unwrap();
    for agent in &agents {
        assert_eq!(content(&jetstream, &names, agent).await, None, "{agent}");
    }
    // Somebody publishes one of them anew before it is seen that a scope names the version.
    publishes(&agents[0], b"other bytes").await;
    put_back(&shelf, &gone).await;
    let found = content(&jetstream, &names, &agents[0]).await;
    assert_eq!(found.as_deref(), Some(&b"other bytes"[..]));
    let found = content(&jetstream, &names, &agents[1]).await;
    assert_eq!(found.as_deref(), Some(CONTENT));
}

#[tokio::test]
async fn what_was_left_midway_is_swept_and_never_the_bytes_of_a_release() {
    let (_broker, jetstream, names, shelf) = stocked(Subject::Runtime).await;

    // One publisher was stopped before its release had a name, and one after.
    let nameless = uploaded(&jetstream, &shelf, "nameless").await;
    let kept = uploaded(&jetstream, &shelf, "named").await;
    let artifact = Artifact::runtime("1.0.0".parse().unwrap());
    let upload = Upload {
        artifact: artifact.clone(),
        package: "demo".to_owned(),
        by: "operator".to_owned(),
        at: Timestamp::UNIX_EPOCH,
    };
    let release = measure(upload, &mut &*CONTENT).await.unwrap();
    let ended = name(&shelf, kept.clone(), &release, Free::default()).await;
    assert!(matches!(ended, Ok(Published::New(_))), "{ended:?}");

    sweep(&shelf, A_DAY).await.unwrap();
    assert_eq!(read::entries(&shelf).await.unwrap().len(), 3, "all are new");
    sweep(&shelf, -1).await.unwrap();
    let left = read::entries(&shelf).await.unwrap();
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(messages(&shelf, &nameless.nuid).await, 0);
    let found = content(&jetstream, &names, &artifact).await;
    assert_eq!(found.as_deref(), Some(CONTENT));

    // An answer that was lost looks like a failure: the bytes that are named stay then too.
    remove_unnamed(&shelf, &kept.nuid).await.unwrap();
    assert_eq!(messages(&shelf, &kept.nuid).await, 1);
}
