//! Creation, crash and second start of a real server.

use std::os::unix::fs::PermissionsExt as _;

use super::*;

/// A folder of this test's own that everybody may enter.
fn open_folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("netplanner-{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

#[test]
fn a_cluster_is_created_started_and_stopped_and_keeps_its_data() {
    let folder = open_folder("pg");
    let postgres = Postgres::at(&folder.join("pg")).unwrap();

    let mut first = postgres.start().unwrap();
    assert!(first.is_running());
    assert!(first.url().starts_with("postgres://netplanner@%2F"));
    let error = postgres.start().unwrap_err();
    assert!(matches!(error, PostgresError::InUse { .. }), "two servers on one folder: {error}");
    assert!(first.is_running(), "the second did not disturb the first");
    first.stop().unwrap();

    let created = fs::metadata(postgres.home.join("data/PG_VERSION")).unwrap().modified().unwrap();
    // as another process would: the folder belongs to the server's user by now
    let again = Postgres::at(&folder.join("pg")).unwrap();
    again.start().unwrap().stop().unwrap();
    assert_eq!(fs::metadata(postgres.home.join("data/PG_VERSION")).unwrap().modified().unwrap(), created);
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_crash_leaves_nothing_in_the_way_of_the_next_start() {
    let folder = open_folder("pg-crash");
    let postgres = Postgres::at(&folder.join("pg")).unwrap();
    // a kill in the middle of initdb
    let half = postgres.home.join("data.new");
    fs::create_dir_all(half.join("base")).unwrap();
    fs::write(half.join("PG_VERSION"), "15").unwrap();
    let mut first = postgres.start().unwrap();
    assert!(!half.exists());

    // a kill of the server, whose process id is somebody else's by the next start
    process::signal(&first.child, Signal::KILL).unwrap();
    first.child.wait().unwrap();
    let file = postgres.home.join("data/postmaster.pid");
    let text = fs::read_to_string(&file).unwrap();
    let (_, rest) = text.split_once('\n').unwrap();
    fs::write(&file, format!("{}\n{rest}", std::process::id())).unwrap();
    postgres.start().unwrap().stop().unwrap();

    // data of a release that is not there
    fs::write(postgres.home.join("data/PG_VERSION"), "97\n").unwrap();
    let error = Postgres::at(&folder.join("pg")).unwrap_err();
    assert!(matches!(error, PostgresError::OtherRelease { made_by: 97, .. }), "{error}");
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn the_server_outlives_the_thread_that_started_it_and_not_its_handle() {
    let folder = open_folder("pg-thread");
    let postgres = Postgres::at(&folder.join("pg")).unwrap();
    let starter = postgres.clone();
    let mut running = std::thread::spawn(move || starter.start().unwrap()).join().unwrap();
    std::thread::sleep(Duration::from_millis(300));
    assert!(running.is_running());
    drop(running);
    assert!(!postgres.home.join("data/postmaster.pid").exists());
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_socket_path_is_never_too_long() {
    assert_eq!(socket_folder(Path::new("/srv/data/pg")), Path::new("/srv/data/pg/run"));
    let deep = PathBuf::from(format!("/{}", "x".repeat(120)));
    assert!(socket_folder(&deep).as_os_str().len() < 60);
}
