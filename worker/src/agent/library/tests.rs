//! What is asked for, in which order, and what a task is told when it cannot be had.

use std::time::Duration;

use common::ids::Epoch;
use common::run::ShardRange;
use uuid::Uuid;

use super::fetches::TRIES;
use super::*;

const RUN: RunId = RunId(Uuid::from_u128(1));
const STAGE: StageIndex = StageIndex(0);
const STATE: DocumentKey = DocumentKey::State { run: RUN, stage: STAGE };
const INPUT: &[u8] = b"{\"nodes\":[]}";
const START: Timestamp = Timestamp(0);

fn library() -> Library {
    let catalogue = algorithms::catalogue::all().into_iter().map(Arc::from).collect();
    let mut library = Library::new(catalogue, 1 << 20);
    assert_eq!(library.online(true, START), []);
    library
}

fn lease(number: u32) -> LeaseId {
    LeaseId::new(Epoch(1), number)
}

fn shards() -> Task {
    Task { run: RUN, kind: TaskKind::Shards { stage: STAGE, range: ShardRange { first: 0, count: 2 } } }
}

fn spec(algorithm: &str) -> Vec<u8> {
    let hash = ContentHash::of(INPUT);
    format!(
        r#"{{"algorithm":"{algorithm}","version":1,"params":{{}},"inputs":{{"topology":"{hash}"}},"seed":1}}"#
    )
    .into_bytes()
}

fn whole(key: DocumentKey, bytes: &[u8]) -> Document {
    Document::Piece { key, offset: 0, total: bytes.len() as u64, bytes: bytes.to_vec() }
}

fn fetch(key: DocumentKey) -> LibraryAction {
    LibraryAction::Fetch { key, offset: 0 }
}

/// ```text
/// leases 1 and 2 of one run ─▶ order ─▶ input ─▶ state, each asked for once ─▶ both ready
/// ```
#[test]
fn a_task_gets_the_order_then_the_inputs_then_the_state() {
    let mut library = library();
    let input = DocumentKey::Input(ContentHash::of(INPUT));
    assert_eq!(library.want(lease(1), shards(), START), [fetch(DocumentKey::Run(RUN))]);
    assert_eq!(library.want(lease(2), shards(), START), []);
    assert_eq!(library.document(whole(DocumentKey::Run(RUN), &spec("spin")), START), [fetch(input)]);
    assert_eq!(library.document(whole(input, INPUT), START), [fetch(STATE)]);
    let state = br#"{"stage":0,"checksum":1}"#;
    let half = |from: usize, to: usize| Document::Piece {
        key: STATE,
        offset: from as u64,
        total: state.len() as u64,
        bytes: state[from..to].to_vec(),
    };
    assert_eq!(library.document(half(0, 5), START), [LibraryAction::Fetch { key: STATE, offset: 5 }]);
    assert_eq!(library.document(half(0, 5), START), [], "a repeated piece is ordinary");
    let ready = [LibraryAction::Ready(lease(1)), LibraryAction::Ready(lease(2))];
    assert_eq!(library.document(half(5, state.len()), START), ready);
    let Some(Materials::Stage(stage)) = library.materials(lease(1)) else { panic!() };
    assert!(stage.open().is_ok());

    let next = Task { run: RUN, kind: TaskKind::Advance { stage: StageIndex(1) } };
    assert_eq!(library.want(lease(3), next, START), [LibraryAction::Ready(lease(3))], "all is here");
    library.forget(RUN);
    for number in 1..=3 {
        library.unwant(lease(number));
    }
    assert_eq!(library.want(lease(4), shards(), START), [fetch(DocumentKey::Run(RUN))]);
}

#[test]
fn a_question_without_an_answer_is_repeated_and_goes_on_where_it_stopped() {
    let mut library = library();
    library.want(lease(1), shards(), START);
    assert_eq!(library.tick(START.after(Duration::from_secs(2))), []);
    let later = START.after(Duration::from_secs(4));
    assert_eq!(library.tick(later), [fetch(DocumentKey::Run(RUN))]);
    let key = DocumentKey::Run(RUN);
    library.document(Document::Piece { key, offset: 0, total: 100, bytes: vec![b' '; 10] }, later);
    library.online(false, later);
    assert_eq!(library.tick(later.after(Duration::from_mins(1))), [], "nobody to ask");
    assert_eq!(library.online(true, later), [LibraryAction::Fetch { key, offset: 10 }]);
    library.unwant(lease(1));
    assert_eq!(library.online(true, later), [], "nobody wants it");
}

#[test]
fn a_damaged_input_is_fetched_again_and_at_last_fails_its_task() {
    let mut library = library();
    let input = DocumentKey::Input(ContentHash::of(INPUT));
    library.want(lease(1), shards(), START);
    library.document(whole(DocumentKey::Run(RUN), &spec("spin")), START);
    let mut now = START;
    for _ in 1..TRIES {
        assert_eq!(library.document(whole(input, b"{}"), now), []);
        now = now.after(Duration::from_secs(2));
        assert_eq!(library.tick(now), [fetch(input)]);
    }
    let failed = library.document(whole(input, b"{}"), now);
    assert!(
        matches!(&failed[..], [LibraryAction::Failed(of, error)] if *of == lease(1) && error.message.contains("hash")),
        "{failed:?}"
    );
}

#[test]
fn what_will_never_be_there_and_what_is_not_offered_fails_at_once() {
    let mut library = library();
    let key = DocumentKey::Run(RUN);
    library.want(lease(1), shards(), START);
    let gone = Document::Unavailable { key, reason: "deleted".to_owned(), forever: true };
    assert!(matches!(&library.document(gone, START)[..], [LibraryAction::Failed(..)]));

    library.want(lease(2), shards(), START);
    let input = DocumentKey::Input(ContentHash::of(INPUT));
    let answered = library.document(whole(key, &spec("alchemy")), START);
    assert!(
        matches!(&answered[..], [LibraryAction::Failed(_, error)] if error.message.contains("alchemy")),
        "{answered:?} {input:?}"
    );
}

#[test]
fn a_merge_gets_its_pages() {
    let mut library = library();
    let key = DocumentKey::Partials { run: RUN, stage: STAGE, from: 0 };
    assert_eq!(library.page(lease(1), key, START), [fetch(key)]);
    assert_eq!(
        library.document(whole(key, b"page"), START),
        [LibraryAction::Page(lease(1), Ok(b"page".to_vec()))]
    );
    library.page(lease(1), key, START);
    let gone = Document::Unavailable { key, reason: "gone".to_owned(), forever: true };
    assert_eq!(library.document(gone, START), [LibraryAction::Page(lease(1), Err("gone".to_owned()))]);
}

/// ```text
/// order, page ─ unasked ─▶ kept ─▶ the tasks that need them ask for nothing
/// ```
#[test]
fn a_document_that_came_before_its_task_is_not_asked_for() {
    let mut library = library();
    let input = DocumentKey::Input(ContentHash::of(INPUT));
    let page = DocumentKey::Partials { run: RUN, stage: STAGE, from: 0 };
    assert_eq!(library.document(whole(DocumentKey::Run(RUN), &spec("spin")), START), []);
    assert_eq!(library.document(whole(page, b"page"), START), []);
    let plan = Task { run: RUN, kind: TaskKind::Advance { stage: STAGE } };
    assert_eq!(library.want(lease(1), plan, START), [fetch(input)]);
    assert_eq!(library.document(whole(input, INPUT), START), [LibraryAction::Ready(lease(1))]);
    assert_eq!(library.page(lease(1), page, START), [LibraryAction::Page(lease(1), Ok(b"page".to_vec()))]);
    assert_eq!(library.page(lease(1), page, START), [fetch(page)], "each is used once");

    // pieces of larger ones are dropped, as are those of an ended run and all but the newest
    let piece = Document::Piece { key: STATE, offset: 0, total: 9, bytes: b"{".to_vec() };
    assert_eq!(library.document(piece, START), []);
    library.document(whole(STATE, b"{}"), START);
    library.forget(RUN);
    for number in 0..100 {
        let run = RunId(Uuid::from_u128(100 + number));
        library.document(whole(DocumentKey::Run(run), b"{}"), START);
    }
    assert_eq!(library.offered.len(), OFFERED);
    assert!(library.offered.iter().all(|(key, _)| *key != STATE));
}
