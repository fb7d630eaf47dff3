//! A program that ends in the way it is told: `crasher VAULT KIND`. With `-` for the vault it does so without Crashvault,
//! which is what each end is compared with.

#![expect(
    unsafe_code,
    reason = "most ways to crash are not to be had in safe code"
)]

mod ends;
#[expect(
    clippy::undocumented_unsafe_blocks,
    reason = "what they break is what they are for"
)]
mod faults;
mod panics;
mod run;
mod watched;

fn main() {
    let mut arguments = std::env::args().skip(1);
    // Without arguments it is run as a test of its own, or by hand: there is nothing to do.
    if let (Some(vault), Some(kind)) = (arguments.next(), arguments.next()) {
        run::run(&vault, &kind);
    }
}
