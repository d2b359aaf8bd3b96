//! Protobuf's wire format, in the words of the decoders that gogo/protobuf generates for Kubernetes'
//! types (`generated.pb.go`).

use alloc::{
    borrow::ToOwned,
    format,
    string::{String, ToString},
};

/// How a field's value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wire {
    Varint,
    Fixed64,
    Bytes,
    /// Groups, four bytes, and what protobuf doesn't have: no field of Kubernetes' types.
    Other(u64),
}

/// What stands before a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tag {
    /// The field's number, from 1.
    pub(super) number: u32,
    pub(super) wire: Wire,
}

/// Reads a message from its beginning to its end.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl Wire {
    fn of(number: u64) -> Wire {
        match number {
            0 => Wire::Varint,
            1 => Wire::Fixed64,
            2 => Wire::Bytes,
            other => Wire::Other(other),
        }
    }

    /// Its number.
    pub(super) fn number(self) -> u64 {
        match self {
            Wire::Varint => 0,
            Wire::Fixed64 => 1,
            Wire::Bytes => 2,
            Wire::Other(number) => number,
        }
    }
}

impl<'a> Reader<'a> {
    pub(super) fn new(message: &'a [u8]) -> Reader<'a> {
        Reader { rest: message }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next tag; `None` at the end.
    ///
    /// # Errors
    /// It is cut off or none, which is told with the name of the `message`.
    pub(super) fn tag(&mut self, message: &str) -> Result<Option<Tag>, String> {
        if self.is_at_end() {
            return Ok(None);
        }
        let key = self.varint()?;
        if key & 7 == END_OF_GROUP {
            let why = format!("proto: {message}: wiretype end group for non-group");
            return Err(why);
        }
        // The generated decoders keep 32 bits of the number, with a sign.
        let [a, b, c, d, ..] = (key >> 3).to_le_bytes();
        let number = i32::from_le_bytes([a, b, c, d]);
        match u32::try_from(number) {
            Ok(number) if number > 0 => Ok(Some(Tag {
                number,
                wire: Wire::of(key & 7),
            })),
            _ => Err(format!(
                "proto: {message}: illegal tag {number} (wire type {key})"
            )),
        }
    }

    pub(super) fn varint(&mut self) -> Result<u64, String> {
        let mut value: u64 = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte()?;
            // Of the tenth byte only the lowest bit has a place; the others fall off, as in Go.
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err("proto: integer overflow".to_owned())
    }

    pub(super) fn fixed64(&mut self) -> Result<u64, String> {
        let (bytes, rest) = self.rest.split_first_chunk::<8>().ok_or_else(end)?;
        self.rest = rest;
        Ok(u64::from_le_bytes(*bytes))
    }

    /// What comes after its length: a string, bytes or a message.
    pub(super) fn bytes(&mut self) -> Result<&'a [u8], String> {
        let length = self.varint()?;
        if length > i64::MAX.unsigned_abs() {
            return Err("proto: negative length found during unmarshaling".to_owned());
        }
        let length = usize::try_from(length).map_err(|_| end())?;
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or_else(end)?;
        self.rest = rest;
        Ok(bytes)
    }

    /// Goes past the value of a field that isn't known.
    ///
    /// # Errors
    /// It is cut off, or is written as no value can be.
    pub(super) fn skip(&mut self, tag: Tag) -> Result<(), String> {
        let mut wire = tag.wire.number();
        let mut open: usize = 0;
        loop {
            match wire {
                0 => {
                    self.varint()?;
                }
                1 => {
                    self.fixed64()?;
                }
                2 => {
                    self.bytes()?;
                }
                START_OF_GROUP => open += 1,
                // The tag that it came with is no end, so there is one that is open.
                END_OF_GROUP => open -= 1,
                5 => {
                    let (_, rest) = self.rest.split_first_chunk::<4>().ok_or_else(end)?;
                    self.rest = rest;
                }
                other => return Err(format!("proto: illegal wireType {other}")),
            }
            if open == 0 {
                return Ok(());
            }
            wire = self.varint()? & 7;
        }
    }

    fn byte(&mut self) -> Result<u8, String> {
        let (byte, rest) = self.rest.split_first().ok_or_else(end)?;
        self.rest = rest;
        Ok(*byte)
    }
}

/// Text must be UTF-8 (Go's decoder takes any bytes, and its JSON encoder then replaces them).
pub(super) fn text(bytes: &[u8]) -> Result<String, String> {
    let text = core::str::from_utf8(bytes);
    text.map(ToString::to_string)
        .map_err(|_| "proto: string field contains invalid UTF-8".to_owned())
}

const START_OF_GROUP: u64 = 3;
const END_OF_GROUP: u64 = 4;

fn end() -> String {
    "unexpected EOF".to_owned()
}

#[cfg(test)]
mod tests {
    use super::Reader;
    use alloc::{string::String, vec::Vec};

    /// The varint that the bytes begin with.
    fn check_varint(bytes: &[u8], expected: Result<u64, &str>) {
        let found = Reader::new(bytes).varint();
        assert_eq!(
            found.as_ref().map_err(String::as_str),
            expected.as_ref().map_err(|e| *e)
        );
    }

    /// What is left after the first field was skipped.
    fn check_skip(bytes: &[u8], expected: Result<&[u8], &str>) {
        let mut reader = Reader::new(bytes);
        let skipped = reader.tag("Pod").and_then(|tag| reader.skip(tag.unwrap()));
        let found = skipped.map(|()| reader.rest);
        assert_eq!(
            found.as_ref().map_err(String::as_str),
            expected.as_ref().map_err(|e| *e)
        );
    }

    #[test]
    fn varints_have_ten_bytes_at_most() {
        check_varint(&[0x00], Ok(0));
        check_varint(&[0xac, 0x02], Ok(300));
        let minus_one: Vec<u8> = [[0xff; 9].as_slice(), &[0x01]].concat();
        check_varint(&minus_one, Ok(u64::MAX));
        check_varint(&[0xff; 11], Err("proto: integer overflow"));
        check_varint(&[0xff; 9], Err("unexpected EOF"));
        check_varint(&[], Err("unexpected EOF"));
    }

    #[test]
    fn any_value_can_be_skipped() {
        check_skip(&[0x08, 0x96, 0x01, 7], Ok(&[7]));
        check_skip(&[0x09, 1, 2, 3, 4, 5, 6, 7, 8, 9], Ok(&[9]));
        check_skip(&[0x12, 2, 1, 2, 3], Ok(&[3]));
        check_skip(&[0x0d, 1, 2, 3, 4, 5], Ok(&[5]));
        check_skip(&[0x0b, 0x13, 0x08, 1, 0x14, 0x0c, 6], Ok(&[6]));
        check_skip(&[0x0b, 0x08, 1], Err("unexpected EOF"));
        check_skip(&[0x0e], Err("proto: illegal wireType 6"));
        check_skip(&[0x0d, 1, 2, 3], Err("unexpected EOF"));
        check_skip(&[0x12, 0xff, 0xff, 0xff, 0xff, 0x0f], Err("unexpected EOF"));
        let huge: Vec<u8> = [[0x12].as_slice(), &[0xff; 9], &[0x01]].concat();
        check_skip(
            &huge,
            Err("proto: negative length found during unmarshaling"),
        );
        let none = "proto: Pod: illegal tag 0 (wire type 2)";
        check_skip(&[0x02, 0], Err(none));
        check_skip(&[0x0c], Err("proto: Pod: wiretype end group for non-group"));
    }
}
