//! Phones for benchmarks, like real ones.

use pushtally_model::{
    Account, Channel, DeviceFacts, Environment, RegistrationId, Second, Secret, Token, TokenKind,
};
use pushtally_store::{Registration, SecretHash};

/// Numbers in no order, each once.
pub(crate) fn mixed(n: u64) -> u64 {
    let a = (n + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let b = (a ^ (a >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    b ^ (b >> 31)
}

/// Like a phone's: a UUID, an account, an APNs token; the UUIDs in no order.
pub(crate) fn registration(n: u64, account: Account) -> Registration {
    let (a, b) = (mixed(n), mixed(!n));
    let id = format!(
        "{:08X}-{:04X}-4{:03X}-A{:03X}-{:012X}",
        a >> 32,
        a & 0xFFFF,
        b >> 52,
        (b >> 40) & 0xFFF,
        (b & 0xFFFF_0000) << 16 | n & 0xFFFF_FFFF
    );
    let token = Token {
        channel: Channel::Apns,
        kind: TokenKind::Alert,
        value: Secret::new(format!("{a:016x}{b:016x}{:016x}{n:016x}", a ^ b)),
        cert_id: 11_345,
        environment: Environment::Production,
    };
    let mut secret = [0; 32];
    secret[..8].copy_from_slice(&b.to_be_bytes());
    Registration {
        registration_id: RegistrationId::new(id).unwrap(),
        account: Some(account),
        secret: SecretHash(secret),
        facts: DeviceFacts {
            tokens: vec![token],
            model: "iPhone17,1".to_owned(),
            system: "iOS".to_owned(),
            system_version: "26.1".to_owned(),
            app_version: "3.2.0".to_owned(),
            sdk_version: "1.0.0".to_owned(),
            language: "zh-Hans".to_owned(),
            ..DeviceFacts::default()
        },
        at: Second(1_764_136_800),
    }
}
