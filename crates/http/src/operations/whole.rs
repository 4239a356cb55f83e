//! Whole numbers in bodies.

use serde::de::Error as _;
use serde::{Deserialize as _, Deserializer};

/// To JSON Schema `60.0` is an integer, and so it is here.
pub(crate) fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let Some(number) = Option::<serde_json::Number>::deserialize(deserializer)? else {
        return Ok(None);
    };
    let exact = number.as_u64().or_else(|| {
        let number = number.as_f64()?;
        // Within these bounds the conversion changes nothing.
        let fits = number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number);
        fits.then_some(number as u64)
    });
    let whole = exact.and_then(|number| u32::try_from(number).ok());
    let wrong = || D::Error::custom(format!("`{number}` is not a whole number, 0 to 4294967295"));
    whole.map(Some).ok_or_else(wrong)
}
