//! Large documents are stored in pieces and read block by block; small ones as they always were.

use common::ids::{ContentHash, RunId, StageIndex};
use coordinator::store::documents::{BLOCK_BYTES, NewDocument, WHOLE_BYTES};
use coordinator::store::runs::{InputSource, RunInput};
use coordinator::store::writer::{Fact, RunEnd};
use coordinator::store::{Store, StoreError};
use futures_util::TryStreamExt;

use crate::support::{leading, new_run, number, sql, store, submitted};

/// That many bytes that do not repeat soon.
fn bytes(count: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    (0..count).map(|_| next()).collect()
}

async fn taken(store: &Store, document: &NewDocument) -> RunId {
    let source = InputSource::Inline;
    let mut run = new_run("{}");
    run.inputs = vec![RunInput { role: "topology".to_owned(), hash: document.hash, source }];
    run.documents = vec![document.clone()];
    store.submit(run, None).await.unwrap().run.id
}

#[tokio::test]
async fn a_large_document_is_pieces_and_comes_back_as_it_was() {
    let (store, url) = store().await;
    let client = sql(&url).await;
    for (size, pieces) in [(0, 0), (5, 0), (WHOLE_BYTES, 0), (WHOLE_BYTES + 1, 9), (20 * BLOCK_BYTES + 7, 21)]
    {
        let document = NewDocument::of(bytes(size));
        taken(&store, &document).await;
        // the same again is nothing new
        taken(&store, &document).await;
        let hash = document.hash;
        let stored =
            number(&client, &format!("SELECT count(*) FROM document_pieces WHERE hash = '\\x{hash}'")).await;
        assert_eq!(stored, pieces, "{size} bytes");
        assert_eq!(store.document(hash).await.unwrap(), document.bytes, "{size} bytes");
        let (total, blocks) = store.document_blocks(hash).await.unwrap();
        let blocks: Vec<bytes::Bytes> = blocks.try_collect().await.unwrap();
        assert_eq!(total, size as u64);
        assert!(blocks.iter().all(|block| block.len() <= BLOCK_BYTES), "{size} bytes");
        assert_eq!(blocks.concat(), document.bytes, "{size} bytes");
    }
    let nothing = ContentHash([9; 32]);
    assert_eq!(store.document_block(nothing, 0).await.unwrap_err(), StoreError::NotFound("document"));
}

#[tokio::test]
async fn states_and_reports_are_read_block_by_block_too() {
    let (store, _) = store().await;
    let mut leader = leading(&store).await;
    let run = submitted(&store).await.id;
    let state = bytes(2 * BLOCK_BYTES + 3);
    leader.handle.submit(Fact::StageOpened {
        run,
        stage: StageIndex(0),
        name: "only".to_owned(),
        state: state.clone(),
        shards: 0,
        note: None,
    });
    let text = format!("{{\"text\": \"{}\"}}", "ä€x".repeat(1_000_000));
    let report = text.clone().into_bytes();
    assert_eq!(store.report_block(run, 0).await.unwrap(), None);
    leader.handle.submit(Fact::RunEnded { run, end: RunEnd::Succeeded { report } });
    leader.settled().await;

    let mut read = Vec::new();
    loop {
        let block = store.state_block(run, StageIndex(0), read.len() as u64).await.unwrap();
        assert_eq!(block.total, state.len() as u64);
        if block.bytes.is_empty() {
            break;
        }
        read.extend_from_slice(&block.bytes);
    }
    assert_eq!(read, state);

    let mut read = Vec::new();
    while let Some(block) = store.report_block(run, read.len() as u64).await.unwrap() {
        assert_eq!(block.total, text.len() as u64);
        if block.bytes.is_empty() {
            break;
        }
        read.extend_from_slice(&block.bytes);
    }
    assert_eq!(String::from_utf8(read).unwrap(), text);
}
