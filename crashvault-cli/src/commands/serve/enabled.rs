use crashvault_server::ServerOptions;
use serde_json::json;

use crate::args::Serve;
use crate::commands::Done;
use crate::commands::reading::Place;
use crate::output::{Screen, Stop};

pub fn run(place: &Place, words: &Serve, screen: &mut Screen) -> Result<Done, Stop> {
    let mut server = ServerOptions::new(&place.directory)
        .address(words.addr)
        .synced(!words.no_fsync)
        .start()?;
    server.heed_signals();
    let address = format!("http://{}", server.address());
    let dsn = server.dsn();
    match screen.json {
        true => screen.value_line(&json!({
            "address": address,
            "dsn": dsn,
            "project": server.project().name,
        }))?,
        false => {
            screen.line(format!("listening on {address}"))?;
            screen.line(format!("DSN {dsn}"))?;
        }
    }
    screen.flush()?;
    server.wait();
    Ok(Done::Well)
}
