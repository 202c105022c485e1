//! `token` killed at random moments: the files that it leaves are whole and closed to others, and
//! no program uses them too early.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::server::Server;
use crate::token::Home;

/// How often it is killed.
const KILLS: u32 = 80;

#[test]
fn killed_at_any_moment_it_leaves_whole_and_closed_files() {
    let (server, home) = (Server::start(1), Home::new(1, 3_600));
    let started = Instant::now();
    assert_eq!(home.run(&server, &["--once", "--force"]).code, Some(0));
    // How long a run takes, about: too long a guess, and it is done before it is killed.
    let mut reach = started.elapsed().mul_f64(1.2);
    let (mut random, mut killed, mut lost) = (seed(), 0, 0);
    for _ in 0..KILLS {
        let mut child = home.command(&server, &["--once", "--force"]).spawn().unwrap();
        random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        thread::sleep(reach.mul_f64((random >> 40) as f64 / f64::from(1 << 24)));
        child.kill().unwrap();
        let in_time = child.wait().unwrap().code().is_none();
        killed += u32::from(in_time);
        reach = reach.mul_f64(if in_time { 1.05 } else { 0.8 });
        assert_nothing_is_open(&home);
        // Envoy never has a token whose successor could still be lost.
        assert!(home.handed().is_none_or(|handed| handed <= u64::from(home.generation())));
        // The next run finds the draft that was not renamed.
        assert_eq!(home.run(&server, &["--once"]).code, Some(0));
        assert_eq!(home.handed(), Some(u64::from(home.generation())));
        // The one loss that cannot be prevented: the server's response was on its way to a process
        // that has ended.
        if home.generation() != server.generation() {
            assert_eq!(home.generation() + 1, server.generation());
            lost += 1;
            home.log_in(server.generation(), 3_600);
        }
    }
    println!("{killed} of {KILLS} killed in time, {lost} answers lost on the way");
    assert!(killed > KILLS / 4, "only {killed} were killed before they were done");
    assert!(server.generation() > KILLS / 8, "hardly a run came to the server");
    assert!(lost < killed, "the successor is never saved");
}

/// No file of the credential or of Envoy's, finished or not, can be read by others.
fn assert_nothing_is_open(home: &Home) {
    home.credential();
    for folder in [home.auth().parent().unwrap(), &home.sds()] {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let metadata = entry.metadata().unwrap();
            let mode = metadata.permissions().mode() & 0o7777;
            assert!(metadata.is_dir() || mode == 0o600, "{}: {mode:o}", entry.path().display());
        }
    }
}

fn seed() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::from(now.subsec_nanos()) << 20 | u64::from(std::process::id())
}
