//! Pax records: `LENGTH key=value\n`, where LENGTH counts the whole record in decimal.

use super::Refusal;

/// What a pax record says that matters here.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Pax {
    pub(super) path: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) sparse: bool,
}

impl Pax {
    pub(super) fn parse(mut bytes: &[u8]) -> Result<Self, Refusal> {
        let mut pax = Self::default();
        // Some writers pad the last record with zeros.
        while bytes.iter().any(|byte| *byte != 0) {
            let (key, value, rest) = record(bytes).ok_or(Refusal::BadRecord)?;
            bytes = rest;
            match key {
                b"path" if pax.path.is_some() => return Err(Refusal::Contradiction("two paths")),
                b"path" => pax.path = Some(value.to_vec()),
                b"size" if pax.size.is_some() => return Err(Refusal::Contradiction("two sizes")),
                b"size" => pax.size = Some(decimal(value).ok_or(Refusal::BadRecord)?),
                _ if key.starts_with(b"GNU.sparse.") => pax.sparse = true,
                _ => {}
            }
        }
        Ok(pax)
    }

    /// A record for all that follows: git writes its commit there. One that would rename or resize
    /// what follows is read differently by different programs.
    pub(super) fn refuse_as_global(&self) -> Result<(), Refusal> {
        if *self == Self::default() {
            Ok(())
        } else {
            Err(Refusal::Contradiction(
                "a global record gives a path or a size",
            ))
        }
    }
}

/// Key, value and what follows the first record of `bytes`.
fn record(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = bytes.iter().take(12).position(|byte| *byte == b' ')?;
    let length = usize::try_from(decimal(&bytes[..space])?).ok()?;
    let (record, rest) = bytes.split_at_checked(length)?;
    let fields = record.get(space + 1..)?.strip_suffix(b"\n")?;
    let equals = fields.iter().position(|byte| *byte == b'=')?;
    Some((&fields[..equals], &fields[equals + 1..], rest))
}

/// Digits only: no sign, no space, no overflow.
fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_may_hold_newlines_and_equals_signs() {
        let pax = Pax::parse(b"16 path=a=b\nc\nd\n11 size=42\n").unwrap();
        assert_eq!(pax.path.as_deref(), Some(&b"a=b\nc\nd"[..]));
        assert_eq!((pax.size, pax.sparse), (Some(42), false));
    }

    #[test]
    fn a_record_that_lies_about_its_length_is_refused() {
        for bytes in [
            &b"999 path=x\n"[..],
            b"3 path=x\n",
            b"0 path=x\n",
            b"path=x\n",
            b"-9 path=x\n",
            b"99999999999999999999999 path=x\n",
            b"9 pathx\n",
            b"10 path=xy",
            b"12 size=-42\n",
        ] {
            assert_eq!(Pax::parse(bytes), Err(Refusal::BadRecord), "{bytes:?}");
        }
    }

    #[test]
    fn a_path_given_twice_is_a_contradiction() {
        assert_eq!(
            Pax::parse(b"9 path=a\n9 path=b\n"),
            Err(Refusal::Contradiction("two paths"))
        );
    }

    #[test]
    fn a_global_record_may_comment_but_not_rename() {
        assert_eq!(
            Pax::parse(b"16 comment=abcd\n").unwrap().refuse_as_global(),
            Ok(())
        );
        assert!(
            Pax::parse(b"9 path=a\n")
                .unwrap()
                .refuse_as_global()
                .is_err()
        );
    }
}
