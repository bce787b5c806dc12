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

#[tokio::test]
async fn what_was_left_midway_is_swept_and_never_the_bytes_of_a_release() {
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
    let shelf = Shelf::of(&jetstream, &names, Subject::Runtime)
        .await
        .unwrap();

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
    let reading = open(&jetstream, &names, &artifact).await.unwrap().unwrap();
    let chunks: Vec<_> = reading.into_stream().try_collect().await.unwrap();
    assert_eq!(chunks.concat(), CONTENT);

    // An answer that was lost looks like a failure: the bytes that are named stay then too.
    remove_unnamed(&shelf, &kept.nuid).await.unwrap();
    assert_eq!(messages(&shelf, &kept.nuid).await, 1);
}
