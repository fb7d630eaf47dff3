//! Fernet tokens, opened with a password as Crashvault 1 made keys of it.
//!
//! Source: the Fernet specification of the `fernet` organisation (version 0x80, time, IV, AES-128-CBC, HMAC-SHA256);
//! the salt and the rounds are version 1's own.

use aes::Aes128;
use base64::Engine;
use base64::engine::general_purpose::{GeneralPurpose, URL_SAFE};
use cbc::Decryptor;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, KeyIvInit};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

const SALT: &[u8] = b"crashvault_salt_v1";
const ROUNDS: u32 = 100_000;
const VERSION: u8 = 0x80;
/// Version and time stand before the initialisation vector.
const HEAD_BYTES: usize = 9;
const IV_BYTES: usize = 16;
const TAG_BYTES: usize = 32;
const BASE64: GeneralPurpose = URL_SAFE;

/// What opens tokens.
pub(super) struct Key {
    signing: [u8; 16],
    encryption: [u8; 16],
}

impl Key {
    /// From a password.
    pub(super) fn of_password(password: &str) -> Self {
        let mut bytes = [0; 32];
        let made = pbkdf2::pbkdf2::<Hmac<Sha256>>(password.as_bytes(), SALT, ROUNDS, &mut bytes);
        debug_assert!(made.is_ok(), "HMAC takes a key of any length");
        Self::of_bytes(&bytes)
    }

    fn of_bytes(bytes: &[u8; 32]) -> Self {
        let (mut signing, mut encryption) = ([0; 16], [0; 16]);
        signing.copy_from_slice(&bytes[..16]);
        encryption.copy_from_slice(&bytes[16..]);
        Self {
            signing,
            encryption,
        }
    }
}

/// Whether a file is a token: version and the first bytes of any time of this millennium in Base64.
pub(super) fn is_token(bytes: &[u8]) -> bool {
    bytes.trim_ascii_start().starts_with(b"gAAAA")
}

/// What a token holds; `None` for another key, or a token that is damaged: the two cannot be told apart.
pub(super) fn open(token: &[u8], key: &Key) -> Option<Vec<u8>> {
    let bytes = BASE64.decode(token.trim_ascii()).ok()?;
    let (signed, tag) = bytes.split_at_checked(bytes.len().checked_sub(TAG_BYTES)?)?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key.signing).ok()?;
    mac.update(signed);
    mac.verify_slice(tag).ok()?;
    let (head, rest) = signed.split_at_checked(HEAD_BYTES)?;
    let (iv, sealed) = rest.split_at_checked(IV_BYTES)?;
    if head.first() != Some(&VERSION) {
        return None;
    }
    let decryptor = Decryptor::<Aes128>::new_from_slices(&key.encryption, iv).ok()?;
    let mut opened = sealed.to_vec();
    let length = decryptor.decrypt_padded::<Pkcs7>(&mut opened).ok()?.len();
    opened.truncate(length);
    Some(opened)
}

#[cfg(test)]
pub(super) mod tests {
    use cbc::Encryptor;
    use cbc::cipher::BlockModeEncrypt;

    use super::*;

    /// A token as version 1 would have written it.
    pub(in crate::export::v1) fn seal(text: &[u8], key: &Key) -> String {
        let iv = [7; IV_BYTES];
        let mut sealed = text.to_vec();
        sealed.resize(text.len() + 16, 0);
        let sealed = Encryptor::<Aes128>::new_from_slices(&key.encryption, &iv)
            .unwrap()
            .encrypt_padded::<Pkcs7>(&mut sealed, text.len())
            .unwrap()
            .to_vec();
        let mut token = vec![VERSION];
        token.extend(1_700_000_000_u64.to_be_bytes());
        token.extend(iv);
        token.extend(sealed);
        let mut mac = Hmac::<Sha256>::new_from_slice(&key.signing).unwrap();
        mac.update(&token);
        token.extend(mac.finalize().into_bytes());
        BASE64.encode(token)
    }

    // Source: verify.json of the Fernet specification.
    #[test]
    fn the_published_token_opens() {
        let key = BASE64.decode("cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=");
        let key = Key::of_bytes(&key.unwrap().try_into().unwrap());
        let token = "gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA==";
        assert!(is_token(token.as_bytes()));
        assert_eq!(open(token.as_bytes(), &key).unwrap(), b"hello");
    }

    // Source: RFC 7914, section 11, says what PBKDF2-HMAC-SHA256 gives; version 1's own salt and rounds were worked out
    // with Python's hashlib.
    #[test]
    fn a_password_gives_version_1s_key() {
        let key = Key::of_password("correct horse");
        let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
        assert_eq!(hex(&key.signing), "432a10383bcb0378879d17091abc338e");
        assert_eq!(hex(&key.encryption), "19a42f8d4969bb2b085e42788138a615");
    }

    #[test]
    fn only_the_right_key_opens_and_only_what_is_whole() {
        let key = Key::of_bytes(&[1; 32]);
        for length in [0, 1, 15, 16, 17, 100] {
            let text = vec![b'x'; length];
            let token = seal(&text, &key);
            assert_eq!(open(token.as_bytes(), &key), Some(text));
            assert_eq!(open(token.as_bytes(), &Key::of_bytes(&[2; 32])), None);
            for end in 0..token.len() {
                assert_eq!(open(&token.as_bytes()[..end], &key), None);
            }
        }
        for wrong in [&b""[..], b"gAAAAA", b"\xff\xff", b"gAAAAA=="] {
            assert_eq!(open(wrong, &key), None);
        }
    }
}
