//! Where lines go: a file that may be moved away under its writer, or the standard output.
//!
//! Whole lines only: what could be written only in part is taken back. A file is looked for under its name once a second while
//! lines are written; when another is there, or none, it is opened anew. That is all that logrotate needs, with neither a
//! signal nor `copytruncate`.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How often the name is looked for.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The end of the log.
#[derive(Debug)]
pub struct Outlet {
    file: File,
    /// None for the standard output, which nobody moves.
    path: Option<PathBuf>,
    looked: Instant,
}

impl Outlet {
    /// Opens a file for more lines, or the standard output for `-`.
    ///
    /// Errors: the operating system's.
    pub fn open(path: &str) -> io::Result<Outlet> {
        let looked = Instant::now();
        if path == "-" {
            let file = File::from(io::stdout().as_fd().try_clone_to_owned()?);
            return Ok(Outlet { file, path: None, looked });
        }
        let path = PathBuf::from(path);
        Ok(Outlet { file: open(&path)?, path: Some(path), looked })
    }

    /// Writes whole lines, to the file that has the name now.
    ///
    /// Errors: the operating system's; nothing of the lines is in the file then, unless it is a pipe.
    pub fn write(&mut self, lines: &[u8], now: Instant) -> io::Result<()> {
        if now.saturating_duration_since(self.looked) >= LOOK_EVERY {
            self.looked = now;
            self.follow_name()?;
        }
        let mut rest = lines;
        while !rest.is_empty() {
            match self.file.write(rest) {
                Ok(0) => return Err(self.taken_back(lines.len() - rest.len(), io::ErrorKind::WriteZero.into())),
                Ok(written) => rest = &rest[written..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.taken_back(lines.len() - rest.len(), error)),
            }
        }
        Ok(())
    }

    fn follow_name(&mut self) -> io::Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        let ours = self.file.metadata()?;
        let is_there =
            std::fs::metadata(path).is_ok_and(|named| (named.dev(), named.ino()) == (ours.dev(), ours.ino()));
        if !is_there {
            self.file = open(path)?;
        }
        Ok(())
    }

    /// Shortens the file by what was written of lines that are not whole. The last line is what matters: those before it are
    /// lost with it, and counted so.
    fn taken_back(&mut self, written: usize, error: io::Error) -> io::Error {
        let is_file = self.path.is_some() && self.file.metadata().is_ok_and(|file| file.is_file());
        if written > 0 && is_file {
            let shortened = self.file.metadata().and_then(|file| {
                let whole = file.len().saturating_sub(written as u64);
                self.file.set_len(whole)
            });
            if let Err(other) = shortened {
                return io::Error::new(error.kind(), format!("{error}; and a broken line stays: {other}"));
            }
        }
        error
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory of this test's own, gone with it.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Folder {
            let path = std::env::temp_dir().join(format!("seaway-access-log-{name}-{}", std::process::id()));
            std::fs::create_dir_all(&path).unwrap();
            Folder(path)
        }

        fn path(&self, name: &str) -> String {
            self.0.join(name).display().to_string()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn lines_go_on_after_what_is_there_and_to_the_new_file_when_the_old_one_was_moved_away() {
        let folder = Folder::new("moved");
        let (path, moved) = (folder.path("access.log"), folder.path("access.log.1"));
        std::fs::write(&path, "before\n").unwrap();
        let mut outlet = Outlet::open(&path).unwrap();
        let start = outlet.looked;
        outlet.write(b"one\n", start).unwrap();
        std::fs::rename(&path, &moved).unwrap();
        outlet.write(b"two\n", start + Duration::from_millis(999)).unwrap();
        outlet.write(b"three\n", start + Duration::from_secs(1)).unwrap();
        assert_eq!(std::fs::read_to_string(&moved).unwrap(), "before\none\ntwo\n");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "three\n");
        std::fs::rename(&path, &moved).unwrap();
        std::fs::write(&path, "").unwrap();
        outlet.write(b"four\n", start + Duration::from_secs(2)).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "four\n", "a file that logrotate has made is taken");
    }

    #[test]
    fn a_truncated_file_has_no_hole() {
        let folder = Folder::new("truncated");
        let path = folder.path("access.log");
        let mut outlet = Outlet::open(&path).unwrap();
        outlet.write(b"one\n", Instant::now()).unwrap();
        File::create(&path).unwrap();
        outlet.write(b"two\n", Instant::now()).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two\n");
    }

    #[test]
    fn a_name_that_cannot_be_opened_again_is_an_error_and_tried_again() {
        let folder = Folder::new("gone");
        let path = folder.path("below/access.log");
        assert!(Outlet::open(&path).is_err());
        std::fs::create_dir(folder.path("below")).unwrap();
        let mut outlet = Outlet::open(&path).unwrap();
        let start = outlet.looked;
        std::fs::remove_dir_all(folder.path("below")).unwrap();
        assert!(outlet.write(b"lost\n", start + Duration::from_secs(1)).is_err());
        std::fs::create_dir(folder.path("below")).unwrap();
        outlet.write(b"kept\n", start + Duration::from_secs(2)).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "kept\n");
    }

    #[test]
    fn what_was_written_in_part_is_taken_back() {
        let folder = Folder::new("part");
        let path = folder.path("access.log");
        let mut outlet = Outlet::open(&path).unwrap();
        outlet.write(b"whole\n", Instant::now()).unwrap();
        outlet.file.write_all(b"ha").unwrap();
        let error = outlet.taken_back(2, io::ErrorKind::StorageFull.into());
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "whole\n");
    }

    #[test]
    fn a_full_disk_is_an_error() {
        let mut outlet = Outlet::open("/dev/full").unwrap();
        assert_eq!(outlet.write(b"x\n", Instant::now()).unwrap_err().kind(), io::ErrorKind::StorageFull);
    }
}
