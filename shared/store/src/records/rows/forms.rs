//! The stored forms of values.

#![expect(
    clippy::ref_option,
    clippy::trivially_copy_pass_by_ref,
    reason = "`serde(with = …)` calls these functions with a reference to the field"
)]

/// A value with a text form, stored as that text.
pub(super) mod text {
    use std::fmt::Display;
    use std::str::FromStr;

    use domain::printable;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(in super::super) fn serialize<T: Display, S: Serializer>(
        value: &T,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(in super::super) fn deserialize<'d, T, D>(deserializer: D) -> Result<T, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'d>,
    {
        let text = String::deserialize(deserializer)?;
        // An older version stored a code as it came.
        printable(&text).parse().map_err(D::Error::custom)
    }
}

/// The same, of a value that may not be there.
pub(super) mod maybe_text {
    use std::fmt::Display;
    use std::str::FromStr;

    use domain::printable;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(in super::super) fn serialize<T: Display, S: Serializer>(
        value: &Option<T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        value.as_ref().map(T::to_string).serialize(serializer)
    }

    pub(in super::super) fn deserialize<'d, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'d>,
    {
        let text = Option::<String>::deserialize(deserializer)?;
        let value = text.map(|text| printable(&text).parse()).transpose();
        value.map_err(D::Error::custom)
    }
}

/// The same, of several values.
pub(super) mod texts {
    use std::fmt::Display;
    use std::str::FromStr;

    use domain::printable;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(in super::super) fn serialize<T: Display, S: Serializer>(
        values: &[T],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(values.iter().map(T::to_string))
    }

    pub(in super::super) fn deserialize<'d, T, D>(deserializer: D) -> Result<Vec<T>, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'d>,
    {
        let texts = Vec::<String>::deserialize(deserializer)?;
        let values = texts.iter().map(|text| printable(text).parse());
        values.collect::<Result<_, _>>().map_err(D::Error::custom)
    }
}

/// A time, stored as Unix milliseconds.
pub(super) mod unix_ms {
    use domain::Timestamp;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(in super::super) fn serialize<S: Serializer>(
        at: &Timestamp,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(at.unix_ms())
    }

    pub(in super::super) fn deserialize<'d, D: Deserializer<'d>>(
        deserializer: D,
    ) -> Result<Timestamp, D::Error> {
        let ms = i64::deserialize(deserializer)?;
        Timestamp::from_unix_ms(ms).map_err(D::Error::custom)
    }
}

/// The same, of a time that may not be there.
pub(super) mod maybe_unix_ms {
    use domain::Timestamp;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(in super::super) fn serialize<S: Serializer>(
        at: &Option<Timestamp>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        at.map(Timestamp::unix_ms).serialize(serializer)
    }

    pub(in super::super) fn deserialize<'d, D: Deserializer<'d>>(
        deserializer: D,
    ) -> Result<Option<Timestamp>, D::Error> {
        let ms = Option::<i64>::deserialize(deserializer)?;
        let at = ms.map(Timestamp::from_unix_ms).transpose();
        at.map_err(D::Error::custom)
    }
}

/// An amount, stored as a number of VND.
pub(super) mod vnd {
    use domain::Vnd;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(in super::super) fn serialize<S: Serializer>(
        amount: &Vnd,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(amount.get())
    }

    pub(in super::super) fn deserialize<'d, D: Deserializer<'d>>(
        deserializer: D,
    ) -> Result<Vnd, D::Error> {
        Vnd::new(u64::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// An amount that may not be there, stored as a number of VND.
pub(super) mod maybe_vnd {
    use domain::Vnd;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(in super::super) fn serialize<S: Serializer>(
        amount: &Option<Vnd>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        amount.map(Vnd::get).serialize(serializer)
    }

    pub(in super::super) fn deserialize<'d, D: Deserializer<'d>>(
        deserializer: D,
    ) -> Result<Option<Vnd>, D::Error> {
        let vnd = Option::<u64>::deserialize(deserializer)?;
        vnd.map(Vnd::new).transpose().map_err(D::Error::custom)
    }
}
