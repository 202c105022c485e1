//! Files that make the program wait: those that another process has locked, and pipes.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};

use rustix::fs::{FlockOperation, flock};

use crate::program::{Folder, command, run, shell};

const LIST: &str = "{\"consumers\": [{\"name\": \"a\", \"key_sha256\": \
                    [\"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"]}]}";

#[test]
fn an_edit_waits_for_a_lock_and_says_so_and_a_list_does_not_wait() {
    let folder = Folder::new();
    let file = folder.file("list.json", LIST);
    let held = File::open(&file).unwrap();
    flock(&held, FlockOperation::LockExclusive).unwrap();
    let listed = run(&["key", "list", &file]);
    assert_eq!((listed.code, listed.out.as_str()), (Some(0), "a  keys 9f86d081884c\n"));
    let mut add = command(&["key", "add", &file, "--name", "b"]).spawn().unwrap();
    let mut said = String::new();
    BufReader::new(add.stderr.take().unwrap()).read_line(&mut said).unwrap();
    assert!(said.contains("list.json: waiting for another process"), "{said}");
    assert_eq!(fs::read_to_string(&file).unwrap(), LIST);
    flock(&held, FlockOperation::Unlock).unwrap();
    assert_eq!(add.wait().unwrap().code(), Some(0));
    assert_eq!(run(&["key", "list", &file]).out.lines().count(), 2);
}

#[test]
fn only_a_regular_file_is_edited() {
    let folder = Folder::new();
    fs::write(folder.path("list.json"), LIST).unwrap();
    assert_eq!(shell(&folder, "mkfifo pipe && mkdir folder").code, Some(0));
    for file in ["pipe", "folder", "/dev/null", "<(cat list.json)"] {
        for edit in ["add", "revoke"] {
            let outcome = shell(&folder, &format!("imagegatectl key {edit} {file} --name a"));
            assert_eq!((outcome.code, outcome.out.as_str()), (Some(2), ""), "{file}");
            assert!(outcome.err.contains("no regular file"), "{file}: {}", outcome.err);
        }
        // `token` replaces its file, too.
        let line = format!("imagegatectl token --once --auth-file {file} --sds-dir folder");
        let outcome = shell(&folder, &line);
        assert_eq!(outcome.code, Some(2), "{file}: {}", outcome.err);
        assert!(outcome.err.contains("no regular file"), "{file}: {}", outcome.err);
    }
}

#[test]
fn a_list_comes_from_a_pipe_too() {
    let folder = Folder::new();
    fs::write(folder.path("list.json"), LIST).unwrap();
    let listed = shell(&folder, "imagegatectl key list <(cat list.json)");
    assert_eq!((listed.code, listed.out.as_str()), (Some(0), "a  keys 9f86d081884c\n"));
}

#[test]
fn a_reader_of_a_pipe_without_a_writer_says_that_it_waits() {
    let folder = Folder::new();
    fs::write(folder.path("list.json"), LIST).unwrap();
    for arguments in ["check --list", "key list", "key hash --file"] {
        let line = format!(
            "rm -f pipe err; mkfifo pipe; imagegatectl {arguments} pipe 2>err & \
             for i in $(seq 600); do \
             grep -q 'pipe: waiting for a process that writes' err && break; sleep 0.05; done; \
             cat list.json >pipe; wait $!; code=$?; cat err >&2; exit $code"
        );
        let outcome = shell(&folder, &line);
        let code = if arguments.starts_with("key hash") { 1 } else { 0 };
        assert_eq!(outcome.code, Some(code), "{arguments}: {}", outcome.err);
    }
}
