//! The outer layers of a UserSig: its own base64 alphabet around a zlib stream. What is inside is `document`'s.

use std::io::Write as _;

use base64::alphabet::{Alphabet, Symbol};
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::PAD;
use base64::{DecodeError, Engine as _};
use flate2::write::ZlibEncoder;
use flate2::{Compression, Decompress, FlushDecompress, Status};

use crate::{INFLATED_LEN_MAX, Illegality, USERSIG_LEN_MAX, UserSigError};

/// Standard base64 with `*`, `-` and `_` for `+`, `/` and `=`, which are safe in a query string. Decoding wants the
/// padding, as every known library writes it.
const ARMOR: GeneralPurpose = GeneralPurpose::new(&ALPHABET, PAD);

const ALPHABET: Alphabet = {
    const SYMBOLS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789*-";
    let Some(padding) = Symbol::new(b'_') else {
        unreachable!()
    };
    let Ok(alphabet) = Alphabet::new_with_padding(SYMBOLS, padding) else {
        unreachable!()
    };
    alphabet
};

/// Buffer for a usual JSON (about 200 bytes, 300 with a userbuf), so that it is allocated once.
const INFLATED_LEN_USUAL: usize = 512;

/// Wraps a JSON text into a UserSig.
pub(crate) fn wrap(json: &str) -> String {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    let deflated = encoder
        .write_all(json.as_bytes())
        .and_then(|()| encoder.finish());
    ARMOR.encode(deflated.expect("writing to a Vec does not fail"))
}

/// Takes off the line end that a UserSig read from a file has, and bounds what is left.
pub(crate) fn trim(usersig: &str) -> Result<&str, UserSigError> {
    let trimmed = usersig.trim_end_matches(['\r', '\n']);
    match trimmed.len() {
        0 => Err(UserSigError::Empty),
        characters if characters > USERSIG_LEN_MAX => {
            Err(Illegality::TooLong { characters }.into())
        }
        _ => Ok(trimmed),
    }
}

/// Decodes the base64 of a trimmed UserSig.
pub(crate) fn decode(trimmed: &str) -> Result<Vec<u8>, Illegality> {
    ARMOR.decode(trimmed).map_err(|error| match error {
        DecodeError::InvalidByte(offset, b'_')
            if trimmed.bytes().skip(offset).all(|byte| byte == b'_') =>
        {
            Illegality::Cut {
                characters: trimmed.len(),
            }
        }
        DecodeError::InvalidByte(offset, _) => Illegality::Character { offset },
        DecodeError::InvalidLength(_)
        | DecodeError::InvalidLastSymbol { .. }
        | DecodeError::InvalidPadding => Illegality::Cut {
            characters: trimmed.len(),
        },
    })
}

/// Inflates one zlib stream, which must fill `deflated` and hold a text of at most [`INFLATED_LEN_MAX`] bytes.
pub(crate) fn inflate(deflated: &[u8]) -> Result<String, Illegality> {
    let bytes = deflated.len();
    let mut stream = Decompress::new(true);
    let mut inflated = Vec::with_capacity(INFLATED_LEN_USUAL);
    loop {
        // Both counts are bounded by the lengths of buffers in memory, so they fit a usize.
        let rest = deflated
            .get(stream.total_in() as usize..)
            .unwrap_or_default();
        let full_at = inflated.capacity();
        let status = stream
            .decompress_vec(rest, &mut inflated, FlushDecompress::Finish)
            .map_err(|_| Illegality::Zlib { bytes })?;
        if inflated.len() > INFLATED_LEN_MAX {
            return Err(Illegality::Bomb);
        }
        match status {
            Status::StreamEnd => break,
            Status::Ok | Status::BufError if inflated.len() == full_at => {
                inflated.reserve_exact(INFLATED_LEN_MAX + 1);
            }
            Status::Ok | Status::BufError => return Err(Illegality::Truncated { bytes }),
        }
    }
    match bytes.saturating_sub(stream.total_in() as usize) {
        0 => String::from_utf8(inflated).map_err(|error| Illegality::Utf8 {
            offset: error.utf8_error().valid_up_to(),
        }),
        trailing => Err(Illegality::Trailing { bytes: trailing }),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn deflate(content: &[u8], level: u32) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(level));
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    pub(crate) fn encode(deflated: &[u8]) -> String {
        ARMOR.encode(deflated)
    }

    #[test]
    fn alphabet_is_url_safe_with_padding() {
        assert_eq!(encode(&[0xfb, 0xf0]), "*-A_");
        assert_eq!(encode(&[0xff]), "-w__");
        assert_eq!(decode("*-A_"), Ok(vec![0xfb, 0xf0]));
    }

    #[test]
    fn base64_is_read_strictly() {
        let check =
            |text: &str, expected: Illegality| assert_eq!(decode(text), Err(expected), "{text}");
        check("+/A=", Illegality::Character { offset: 0 });
        check("*-A", Illegality::Cut { characters: 3 });
        check("*-A__", Illegality::Cut { characters: 5 });
        check("*-B_", Illegality::Cut { characters: 4 });
        check("*_A_", Illegality::Character { offset: 1 });
        check("*-A_*-A_", Illegality::Character { offset: 3 });
        check("____", Illegality::Cut { characters: 4 });
        check("*-A\n", Illegality::Character { offset: 3 });
        check("AAAAéAA", Illegality::Character { offset: 4 });
    }

    #[test]
    fn content_inflates_up_to_the_bound_and_no_further() {
        for level in 0..=9 {
            for length in [
                0,
                1,
                511,
                512,
                513,
                1024,
                INFLATED_LEN_MAX - 1,
                INFLATED_LEN_MAX,
            ] {
                let text = "a".repeat(length);
                assert_eq!(
                    inflate(&deflate(text.as_bytes(), level)),
                    Ok(text),
                    "level {level} length {length}"
                );
            }
            let over = deflate(&vec![b'a'; INFLATED_LEN_MAX + 1], level);
            assert_eq!(inflate(&over), Err(Illegality::Bomb), "level {level}");
        }
    }

    #[test]
    fn hundred_megabytes_of_zeros_stop_at_the_bound() {
        let bomb = deflate(&vec![0; 100_000_000], 9);
        assert_eq!(inflate(&bomb), Err(Illegality::Bomb));
    }

    #[test]
    fn zlib_stream_must_be_whole_sound_and_alone() {
        let sound = deflate(b"some text that is some text", 6);
        for length in 0..sound.len() {
            assert_eq!(
                inflate(&sound[..length]),
                Err(Illegality::Truncated { bytes: length })
            );
        }
        let followed = [sound.as_slice(), b"xy"].concat();
        assert_eq!(inflate(&followed), Err(Illegality::Trailing { bytes: 2 }));
        let mut altered = sound.clone();
        *altered.last_mut().unwrap() ^= 1;
        assert_eq!(
            inflate(&altered),
            Err(Illegality::Zlib { bytes: sound.len() })
        );
        assert_eq!(
            inflate(&deflate(b"ab\xff", 6)),
            Err(Illegality::Utf8 { offset: 2 })
        );
    }
}
