//! The command as the program that a crash starts. What it writes is shown in `tests/out_of_process.rs`, by the same call.

use crate::run::{Place, Ran};

const WORDS: [&str; 3] = [
    "__crashvault-receive",
    "7fffffff.7fffffff.0.0",
    "/no/such/place/0190a1b2c3d4e5f60718293a4b5c6d7e.dmp",
];

#[test]
fn a_receiver_that_finds_no_process_fails_and_says_nothing() {
    let mut command = Place::new().command(&WORDS);
    let ran = Ran::of(command.env("CRASHVAULT_RECEIVER", "1").output().unwrap());
    assert_eq!(
        (ran.code, ran.stdout.as_str(), ran.stderr.as_str()),
        (1, "", "")
    );
}

#[test]
fn words_alone_make_no_receiver() {
    assert_eq!(Place::new().run(&WORDS).code, 2);
}
