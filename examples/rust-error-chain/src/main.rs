//! An error with its causes, captured where it is dealt with. The program goes on.
//!
//! ```text
//! cargo run -p rust-error-chain; cargo run -p crashvault-cli -- show 1
//! ```

use std::error::Error;
use std::fmt;
use std::num::ParseIntError;

use crashvault::ResultExt;

#[derive(Debug)]
enum ConfigError {
    BadPort(ParseIntError),
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the port in the configuration is not a number")
    }
}

impl Error for ConfigError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let Self::BadPort(source) = self;
        Some(source)
    }
}

fn read_port(text: &str) -> Result<u16, ConfigError> {
    text.parse().map_err(ConfigError::BadPort)
}

fn main() {
    crashvault::options()
        .release(crashvault::release!())
        .install();
    crashvault::breadcrumb("config", "reading the port");
    let port = read_port("eighty").capture().unwrap_or(8080);
    println!("listening on port {port}");
}
