//! The log: every command that changed the store, in order, durable before it is answered.
//!
//! Segments `log-<sequence of their first command>` hold frames; a frame holds the commands of one
//! flush. The next frame is only written when the one before it is durable, so whatever stands
//! before another frame was once whole: if it no longer is, the disk has lost it, and the server
//! says so rather than start with less than it acknowledged. Only a last frame that was never
//! finished (it ends before its stated length, or has holes) is cut off.

use crate::{
    error::StartError,
    files::{replace, sync_directory},
};
use model::etcd::Command;
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

/// At the start of each segment; the digit is the version of the format.
const SEGMENT: &[u8; 16] = b"TRUEPLANE LOG 1\n";
/// At the start of each frame.
const FRAME: [u8; 4] = *b"\xf5TPf";
/// Frame: magic 4, commands 4, first sequence 8, payload length 4, payload crc 4, header crc 4.
const HEADER: usize = 28;
/// What a disk writes whole.
const SECTOR: usize = 512;
/// A hole smaller than this is not taken for one: text without zeros does not lie.
const SMALLEST_HOLE: usize = 16;

/// The open end of the log.
pub(super) struct Log {
    directory: PathBuf,
    pub(super) segment: File,
    /// The sequence number of the next command.
    next: u64,
    /// Bytes of all segments that are left.
    bytes: u64,
    frame: Vec<u8>,
    commands: u32,
}

impl Log {
    /// Reads what `directory` holds from the command with sequence number `from` on, gives each to
    /// `replay`, cuts off a last frame that was never finished, and opens the log for more.
    ///
    /// # Errors
    /// When a file cannot be read, is damaged, missing or of another version: the text names file
    /// and offset. Nothing is changed then.
    pub(super) fn recover(
        directory: &Path,
        from: u64,
        mut replay: impl FnMut(Command) -> Result<(), String>,
    ) -> Result<Log, StartError> {
        let segments = segments(directory)?;
        let mut next = from;
        let mut bytes = 0;
        let mut end = None;
        for (index, (first, path)) in segments.iter().enumerate() {
            let following = segments.get(index + 1).map(|(first, _)| *first);
            if following.is_some_and(|following| following <= from) {
                continue;
            }
            if *first > next {
                let why = format!("the log before it is missing: it begins at {first}, not {next}");
                return Err(StartError::at(path, why));
            }
            let read = read_segment(path, *first, following.is_none(), &mut next, &mut replay)?;
            bytes += read.bytes;
            end = Some(read.end);
        }
        // What a snapshot covers beyond the end of the log must not become a gap within a segment.
        let last = segments.last().filter(|_| end == Some(next));
        let segment = match last {
            Some((_, path)) => OpenOptions::new().append(true).open(path).map_err(|why| {
                StartError::at(path, format!("cannot be opened for writing: {why}"))
            })?,
            None => create_segment(directory, next)
                .map_err(|why| StartError::at(directory, format!("cannot make a log: {why}")))?,
        };
        Ok(Log {
            directory: directory.to_owned(),
            segment,
            next,
            bytes,
            frame: vec![0; HEADER],
            commands: 0,
        })
    }

    /// The sequence number of the next command.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// Bytes in all segments.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Puts a command into the next frame; answers the frame's bytes so far.
    pub(super) fn add(&mut self, command: &Command) -> io::Result<usize> {
        let frame = std::mem::take(&mut self.frame);
        self.frame = postcard::to_extend(command, frame).map_err(io::Error::other)?;
        self.commands += 1;
        Ok(self.frame.len())
    }

    /// Makes the commands that were added durable. After an error nothing is known about them, and
    /// the log must not be used again.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        if self.commands == 0 {
            return Ok(());
        }
        seal(&mut self.frame, self.commands, self.next)?;
        self.segment.write_all(&self.frame)?;
        self.segment.sync_data()?;
        self.next += u64::from(self.commands);
        self.bytes += self.frame.len() as u64;
        self.frame.truncate(HEADER);
        self.commands = 0;
        Ok(())
    }

    /// Begins a new segment: what comes next does not stand beside what a snapshot covers.
    pub(super) fn rotate(&mut self) -> io::Result<()> {
        self.segment = create_segment(&self.directory, self.next)?;
        self.bytes = 0;
        Ok(())
    }
}

/// Removes the segments whose commands all come before `sequence`.
pub(super) fn remove_before(directory: &Path, sequence: u64) -> Result<(), StartError> {
    let segments = segments(directory)?;
    for pair in segments.windows(2) {
        if pair[1].0 <= sequence {
            fs::remove_file(&pair[0].1).map_err(|why| StartError::at(&pair[0].1, why))?;
        }
    }
    sync_directory(&directory.join("log")).map_err(|why| StartError::at(directory, why))
}

/// The files of `directory` that are called `<prefix><number>`, by number.
pub(super) fn numbered(directory: &Path, prefix: &str) -> Result<Vec<(u64, PathBuf)>, StartError> {
    let wrong = |why: io::Error| StartError::at(directory, why);
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).map_err(wrong)? {
        let entry = entry.map_err(wrong)?;
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix(prefix));
        if let Some(number) = number.and_then(|number| number.parse().ok()) {
            found.push((number, entry.path()));
        }
    }
    found.sort_unstable();
    Ok(found)
}

fn segments(directory: &Path) -> Result<Vec<(u64, PathBuf)>, StartError> {
    numbered(directory, "log-")
}

fn create_segment(directory: &Path, next: u64) -> io::Result<File> {
    let path = directory.join(format!("log-{next:020}"));
    replace(&path, |file| file.write_all(SEGMENT))?;
    OpenOptions::new().append(true).open(path)
}

fn seal(frame: &mut [u8], commands: u32, sequence: u64) -> io::Result<()> {
    let (header, payload) = frame.split_at_mut(HEADER);
    let length = u32::try_from(payload.len()).map_err(io::Error::other)?;
    header[0..4].copy_from_slice(&FRAME);
    header[4..8].copy_from_slice(&commands.to_le_bytes());
    header[8..16].copy_from_slice(&sequence.to_le_bytes());
    header[16..20].copy_from_slice(&length.to_le_bytes());
    header[20..24].copy_from_slice(&crc32fast::hash(payload).to_le_bytes());
    let crc = crc32fast::hash(&header[..24]);
    header[24..28].copy_from_slice(&crc.to_le_bytes());
    Ok(())
}

struct Header {
    commands: u32,
    sequence: u64,
    length: usize,
    crc: u32,
}

/// The header at the start of `bytes`; `None` when there is no whole, undamaged one.
fn header(bytes: &[u8]) -> Option<Header> {
    let bytes: &[u8; HEADER] = bytes.first_chunk()?;
    let word =
        |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    let whole = bytes[..4] == FRAME && crc32fast::hash(&bytes[..24]) == word(24);
    whole.then(|| Header {
        commands: word(4),
        sequence: u64::from(word(8)) | (u64::from(word(12)) << 32),
        length: word(16) as usize,
        crc: word(20),
    })
}

/// What stands at an offset.
enum Found<'a> {
    Frame(Header, &'a [u8]),
    /// A frame that was never finished.
    Unfinished,
    Damage(&'static str),
}

/// What a segment came to.
struct Read {
    bytes: u64,
    /// The sequence number behind its last command.
    end: u64,
}

fn read_segment(
    path: &Path,
    first: u64,
    last: bool,
    next: &mut u64,
    replay: &mut impl FnMut(Command) -> Result<(), String>,
) -> Result<Read, StartError> {
    let bytes = fs::read(path).map_err(|why| StartError::at(path, why))?;
    let damaged = |offset: usize, why: &str| {
        let text = format!(
            "damaged at byte {offset} of {}: {why}. Nothing has been changed; restore the file, or \
             the whole data directory, from a copy",
            bytes.len()
        );
        StartError::at(path, text)
    };
    if bytes.get(..SEGMENT.len()) != Some(SEGMENT) {
        return Err(damaged(
            0,
            "it is not a log of a version that this server reads",
        ));
    }
    let (mut offset, mut sequence) = (SEGMENT.len(), first);
    while offset < bytes.len() {
        let (header, payload) = match frame_at(&bytes, offset) {
            Found::Frame(header, payload) => (header, payload),
            Found::Unfinished if last => {
                cut(path, offset, bytes.len()).map_err(|why| StartError::at(path, why))?;
                return Ok(Read {
                    bytes: offset as u64,
                    end: sequence,
                });
            }
            Found::Unfinished => return Err(damaged(offset, "a frame is cut off or has holes")),
            Found::Damage(why) => return Err(damaged(offset, why)),
        };
        if header.sequence != sequence {
            return Err(damaged(offset, "a frame is missing before it"));
        }
        let mut rest = payload;
        for _ in 0..header.commands {
            let (command, after) = postcard::take_from_bytes::<Command>(rest)
                .map_err(|_| damaged(offset, "a command cannot be decoded"))?;
            rest = after;
            // Commands before `next` are in the snapshot.
            if sequence == *next {
                replay(command).map_err(|why| damaged(offset, &why))?;
                *next += 1;
            }
            sequence += 1;
        }
        if !rest.is_empty() {
            return Err(damaged(offset, "bytes are left over behind its commands"));
        }
        offset += HEADER + payload.len();
    }
    Ok(Read {
        bytes: bytes.len() as u64,
        end: sequence,
    })
}

fn frame_at(bytes: &[u8], offset: usize) -> Found<'_> {
    let rest = &bytes[offset..];
    let Some(header) = header(rest) else {
        let unfinished = rest.len() < HEADER || has_hole(bytes, offset, offset + HEADER);
        return if unfinished && !another_frame_in(&rest[1..]) {
            Found::Unfinished
        } else {
            Found::Damage("the header of a frame is not what was written")
        };
    };
    let Some(payload) = rest.get(HEADER..HEADER + header.length) else {
        return Found::Unfinished;
    };
    if crc32fast::hash(payload) == header.crc {
        return Found::Frame(header, payload);
    }
    let end = offset + HEADER + header.length;
    if has_hole(bytes, offset, end) && !another_frame_in(&bytes[end..]) {
        return Found::Unfinished;
    }
    Found::Damage("the checksum of a frame does not match its content")
}

/// True when a sector's part of `bytes[start..end]` is all zeros: it never reached the disk.
fn has_hole(bytes: &[u8], start: usize, end: usize) -> bool {
    let mut from = start;
    while from < end {
        let to = end.min((from / SECTOR + 1) * SECTOR);
        if to - from >= SMALLEST_HOLE && bytes[from..to].iter().all(|byte| *byte == 0) {
            return true;
        }
        from = to;
    }
    false
}

fn another_frame_in(bytes: &[u8]) -> bool {
    (0..bytes.len()).any(|at| bytes[at] == FRAME[0] && header(&bytes[at..]).is_some())
}

fn cut(path: &Path, offset: usize, length: usize) -> io::Result<()> {
    tracing::warn!(
        file = %path.display(), offset, bytes = length - offset,
        "the last frame of the log was never finished, so never acknowledged: it is cut off"
    );
    let file = OpenOptions::new().write(true).open(path)?;
    file.set_len(offset as u64)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::{HEADER, Log, SEGMENT};
    use crate::{error::StartError, temporary_directory::TemporaryDirectory};
    use model::{
        etcd::{Command, Operation, Put, Txn},
        frozen::Frozen,
    };
    use std::{fs, path::Path};

    fn put(number: usize) -> Command {
        let key = format!("/registry/configmaps/default/{number}");
        let value = format!("{{\"kind\":\"ConfigMap\",\"number\":{number}}}");
        let put = Put::new(key.as_str().into(), Frozen::from(value.as_str()));
        Command::Txn(Txn {
            success: vec![Operation::Put(put)],
            ..Txn::default()
        })
    }

    fn recover(directory: &Path, from: u64) -> Result<(Log, Vec<Command>), StartError> {
        let mut found = Vec::new();
        let log = Log::recover(directory, from, |command| {
            found.push(command);
            Ok(())
        })?;
        Ok((log, found))
    }

    /// Three frames of one, two and one commands in one segment, and where each frame ends.
    fn written(directory: &Path) -> (Vec<Command>, Vec<usize>) {
        let (mut log, _) = recover(directory, 0).unwrap();
        let commands: Vec<Command> = (0..4).map(put).collect();
        let mut ends = Vec::new();
        for frame in [&commands[..1], &commands[1..3], &commands[3..]] {
            for command in frame {
                log.add(command).unwrap();
            }
            log.flush().unwrap();
            ends.push(SEGMENT.len() + log.bytes() as usize);
        }
        (commands, ends)
    }

    fn segment(directory: &Path) -> std::path::PathBuf {
        directory.join(format!("log-{:020}", 0))
    }

    #[test]
    fn what_was_flushed_comes_back_and_the_log_goes_on() {
        let directory = TemporaryDirectory::new();
        let (mut commands, _) = written(directory.path());
        let (mut log, found) = recover(directory.path(), 0).unwrap();
        assert_eq!(found, commands);
        log.rotate().unwrap();
        log.add(&put(4)).unwrap();
        log.flush().unwrap();
        commands.push(put(4));
        assert_eq!(recover(directory.path(), 0).unwrap().1, commands);
        assert_eq!(recover(directory.path(), 2).unwrap().1, commands[2..]);
        super::remove_before(directory.path(), 4).unwrap();
        assert_eq!(recover(directory.path(), 4).unwrap().1, commands[4..]);
        let (mut log, _) = recover(directory.path(), 9).unwrap();
        log.add(&put(9)).unwrap();
        log.flush().unwrap();
        assert_eq!(recover(directory.path(), 9).unwrap().1, [put(9)]);
        assert!(
            recover(directory.path(), 3).is_err(),
            "a gap must not go unseen"
        );
    }

    #[test]
    fn a_log_cut_at_any_byte_keeps_every_whole_frame_and_goes_on() {
        let directory = TemporaryDirectory::new();
        let (commands, ends) = written(directory.path());
        let path = segment(directory.path());
        let whole = fs::read(&path).unwrap();
        for length in SEGMENT.len()..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            let kept = [0, 1, 3][ends.iter().filter(|end| **end <= length).count()];
            let (mut log, found) = recover(directory.path(), 0).unwrap();
            assert_eq!(found, commands[..kept], "cut at {length}");
            log.add(&put(9)).unwrap();
            log.flush().unwrap();
            let (_, found) = recover(directory.path(), 0).unwrap();
            assert_eq!(found.len(), kept + 1, "cut at {length}");
        }
    }

    #[test]
    fn a_flipped_bit_anywhere_is_an_error_that_names_file_and_offset() {
        let directory = TemporaryDirectory::new();
        let (commands, ends) = written(directory.path());
        let path = segment(directory.path());
        let whole = fs::read(&path).unwrap();
        for position in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[position] ^= 1 << (position % 8);
            fs::write(&path, &damaged).unwrap();
            let error = recover(directory.path(), 0)
                .err()
                .expect("damage is seen")
                .0;
            let frame = ends.iter().filter(|end| **end <= position).count();
            let offset = if position < SEGMENT.len() {
                0
            } else if frame == 0 {
                SEGMENT.len()
            } else {
                ends[frame - 1]
            };
            let place = format!("{}: damaged at byte {offset} of", path.display());
            assert!(error.starts_with(&place), "{error}");
            assert_eq!(fs::read(&path).unwrap(), damaged, "nothing is changed");
        }
        fs::write(&path, &whole).unwrap();
        assert_eq!(recover(directory.path(), 0).unwrap().1, commands);
    }

    #[test]
    fn sectors_that_never_reached_the_disk_end_the_log_unless_something_follows() {
        let directory = TemporaryDirectory::new();
        let (mut log, _) = recover(directory.path(), 0).unwrap();
        let mut ends = Vec::new();
        for first in [0, 60] {
            for number in first..first + 60 {
                log.add(&put(number)).unwrap();
            }
            log.flush().unwrap();
            ends.push(SEGMENT.len() + log.bytes() as usize);
        }
        let path = segment(directory.path());
        let whole = fs::read(&path).unwrap();
        assert!(ends[0] > 3 * super::SECTOR);
        let mut holed = whole.clone();
        let sector = (ends[0] + HEADER).div_ceil(super::SECTOR) * super::SECTOR;
        holed[sector..sector + super::SECTOR].fill(0);
        fs::write(&path, &holed).unwrap();
        assert_eq!(recover(directory.path(), 0).unwrap().1.len(), 60);
        let mut holed = whole;
        holed[super::SECTOR..2 * super::SECTOR].fill(0);
        fs::write(&path, &holed).unwrap();
        let error = recover(directory.path(), 0)
            .err()
            .expect("damage is seen")
            .0;
        assert!(error.contains("damaged at byte 16 of"), "{error}");
    }
}
