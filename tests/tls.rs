//! TLS before a collector that has none, with a certificate that only tests believe.
//!
//! Taken in by the tests of the crates that send to one.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

fn file(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/tls")).join(name)
}

/// Whom to believe, for `$SSL_CERT_FILE`.
pub fn authority() -> PathBuf {
    file("authority.pem")
}

/// A port behind which TLS ends.
pub struct Front {
    port: u16,
}

impl Front {
    /// One that hands requests on to that address, one answer each.
    pub fn before(collector: SocketAddr) -> Self {
        let certificate = CertificateDer::from_pem_file(file("collector.pem")).unwrap();
        let key = PrivateKeyDer::from_pem_file(file("collector-key.pem")).unwrap();
        let config =
            ServerConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(vec![certificate], key)
                .unwrap();
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let config = Arc::clone(&config);
                thread::spawn(move || hand_on(stream, config, collector));
            }
        });
        Self { port }
    }

    pub fn port(&self) -> u16 {
        self.port
    }
}

/// Hands one request on, and its answer back. Who hangs up is nobody's failure here.
fn hand_on(stream: TcpStream, config: Arc<ServerConfig>, collector: SocketAddr) {
    let connection = ServerConnection::new(config).expect("the configuration was tried");
    let mut inside = StreamOwned::new(connection, stream);
    let Ok(mut outside) = TcpStream::connect(collector) else {
        return;
    };
    let mut request = vec![0; 64 << 10];
    loop {
        match inside.read(&mut request) {
            Ok(read) if read > 0 && outside.write_all(&request[..read]).is_ok() => {}
            _ => return,
        }
        // The collector answers when it has all.
        let _ = outside.set_read_timeout(Some(std::time::Duration::from_millis(200)));
        let mut answer = vec![0; 64 << 10];
        if let Ok(read) = outside.read(&mut answer) {
            let _ = inside
                .write_all(&answer[..read])
                .and_then(|()| inside.flush());
        }
    }
}
