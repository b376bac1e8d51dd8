//! What kind of file the program is: static or not, and its SELinux label.

use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use super::findings::Finding;
use crate::errno::ErrnoText;
use crate::untrusted::RegularFile;

/// Bytes of an SELinux label.
const LONGEST_LABEL: u64 = 4096;

/// What it takes to start a program.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Linkage {
    /// Nothing but the kernel.
    Static,
    /// This ELF interpreter.
    Dynamic(PathBuf),
    /// It is no ELF program: a script, or for nobody.
    NotElf,
}

/// Looks at the file.
pub fn examine(program: &Path) -> Vec<Finding> {
    let mut findings = vec![start(program)];
    findings.extend(selinux(program, Path::new("/proc/self/attr/current")));
    findings
}

fn start(program: &Path) -> Finding {
    let path = program.display();
    let file = RegularFile::open(program).map(RegularFile::into_file);
    match file.and_then(|mut file| Ok(linkage(&mut file)?)) {
        Ok(Linkage::Static) => Finding::ok(format!("{path}: static")),
        Ok(Linkage::Dynamic(interpreter)) => {
            let needs = format!("{path}: needs the loader {}", interpreter.display());
            let effect = "without its loader execve(2) fails, which keepalived counts as success";
            let cure = "use a static build";
            match interpreter.try_exists() {
                Ok(true) => Finding::note(effect, needs, cure),
                Ok(false) => {
                    let effect = "execve(2) fails, which keepalived counts as success";
                    Finding::problem(effect, format!("{needs}, which is not there"), cure)
                }
                Err(error) => Finding::problem(
                    effect,
                    format!("{needs}: {}", ErrnoText::from(&error)),
                    cure,
                ),
            }
        }
        Ok(Linkage::NotElf) => Finding::note(
            "a script needs its interpreter, and takes longer to start",
            format!("{path}: is no ELF program"),
            "let keepalived call listenup itself",
        ),
        Err(error) => Finding::problem(
            format!("{path}: could not be read"),
            error.to_string(),
            "run the doctor as root",
        ),
    }
}

/// Finds the interpreter of an ELF file (elf(5)).
///
/// # Errors
/// When it cannot be read, or ends too early.
fn linkage(file: &mut (impl Read + Seek)) -> io::Result<Linkage> {
    const PT_INTERP: u64 = 3;
    let mut header = Vec::new();
    file.take(64).read_to_end(&mut header)?;
    // e_ident: the magic number, the class and the byte order.
    let (wide, little) = match header.as_slice() {
        [0x7f, b'E', b'L', b'F', class @ (1 | 2), data @ (1 | 2), ..] => (*class == 2, *data == 1),
        _ => return Ok(Linkage::NotElf),
    };
    let layout = if wide { &WIDE } else { &NARROW };
    let field = |bytes: &[u8], field| number(bytes, field, little).ok_or(too_short());
    let entries = field(&header, layout.phnum)?;
    let size = field(&header, layout.phentsize)?;
    let length = entries.saturating_mul(size);
    if size != layout.entry || length > LONGEST_TABLE {
        return Err(too_short());
    }
    file.seek(SeekFrom::Start(field(&header, layout.phoff)?))?;
    let mut table = Vec::new();
    if file.take(length).read_to_end(&mut table)? as u64 != length {
        return Err(too_short());
    }
    for entry in table.chunks(usize::try_from(size).unwrap_or(usize::MAX)) {
        if field(entry, (0, 4))? == PT_INTERP {
            file.seek(SeekFrom::Start(field(entry, layout.p_offset)?))?;
            let length = field(entry, layout.p_filesz)?.min(LONGEST_PATH);
            let mut name = Vec::new();
            file.take(length).read_to_end(&mut name)?;
            name.truncate(
                name.iter()
                    .position(|byte| *byte == 0)
                    .unwrap_or(name.len()),
            );
            return Ok(Linkage::Dynamic(std::ffi::OsString::from_vec(name).into()));
        }
    }
    Ok(Linkage::Static)
}

/// Bytes of program headers that the kernel takes, which must have the size it knows (fs/binfmt_elf.c,
/// load_elf_phdrs).
const LONGEST_TABLE: u64 = 65_536;

/// PATH_MAX
const LONGEST_PATH: u64 = 4096;

/// Where a number stands, and its bytes.
type Field = (usize, usize);

/// Where the fields are in `Elf32_Ehdr` and `Elf32_Phdr`, and in those of 64 bits.
struct Layout {
    phoff: Field,
    phentsize: Field,
    phnum: Field,
    p_offset: Field,
    p_filesz: Field,
    /// Bytes of a program header.
    entry: u64,
}

const NARROW: Layout = Layout {
    phoff: (28, 4),
    phentsize: (42, 2),
    phnum: (44, 2),
    p_offset: (4, 4),
    p_filesz: (16, 4),
    entry: 32,
};

const WIDE: Layout = Layout {
    phoff: (32, 8),
    phentsize: (54, 2),
    phnum: (56, 2),
    p_offset: (8, 8),
    p_filesz: (32, 8),
    entry: 56,
};

fn number(bytes: &[u8], (at, width): Field, little: bool) -> Option<u64> {
    let bytes = bytes.get(at..at + width)?.iter();
    let append = |number, byte: &u8| number << 8 | u64::from(*byte);
    Some(match little {
        true => bytes.rev().fold(0, append),
        false => bytes.fold(0, append),
    })
}

fn too_short() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the ELF header is broken")
}

/// What SELinux makes of the file, where it has a label.
fn selinux(program: &Path, own: &Path) -> Option<Finding> {
    // Where no security module answers there is no such file, or it cannot be read.
    let own = RegularFile::open_in_proc(own).and_then(|file| file.read_start(LONGEST_LABEL));
    let own = own.unwrap_or_default();
    let own = String::from_utf8_lossy(&own);
    match label(program) {
        Ok(None) => None,
        Ok(Some(label)) => Some(judge_label(
            program,
            &label,
            own.trim_end_matches(['\0', '\n']),
        )),
        Err(error) => Some(Finding::note(
            format!("{}: its SELinux label is not known", program.display()),
            error.to_string(),
            "run the doctor as root",
        )),
    }
}

/// By the policy of Fedora and RHEL keepalived's own domain may not use sock_diag, and only one type
/// of file leaves that domain. `own` is the label of this process, if it has one.
fn judge_label(program: &Path, label: &str, own: &str) -> Finding {
    let text = format!("{}: SELinux label {label}", program.display());
    let mut parts = label.split(':');
    if parts.any(|part| part == "keepalived_unconfined_script_exec_t") {
        return Finding::ok(text);
    }
    let here = match own {
        "" => String::new(),
        own => format!(", which this run as {own} does not show"),
    };
    Finding::note(
        format!("sock_diag may be refused to the check{here}"),
        format!("{text}: keepalived would run it in its own domain"),
        "install it in /usr/libexec/keepalived",
    )
}

/// The attribute security.selinux. `None`: there is none.
fn label(path: &Path) -> Result<Option<String>, Errno> {
    let mut label = [0; 512];
    match rustix::fs::getxattr(path, "security.selinux", &mut label) {
        Ok(length) => {
            let label = label.get(..length).unwrap_or_default();
            let label = String::from_utf8_lossy(label);
            Ok(Some(label.trim_end_matches('\0').to_owned()))
        }
        Err(Errno::NODATA | Errno::OPNOTSUPP) => Ok(None),
        Err(errno) => Err(errno),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;

    /// An ELF file with one program header of this type, whose segment is `segment`.
    fn elf(wide: bool, little: bool, kind: u64, segment: &[u8]) -> Vec<u8> {
        let layout = if wide { WIDE } else { NARROW };
        let end = 64 + layout.entry as usize;
        let mut file = vec![0; end];
        file[..6].copy_from_slice(&[
            0x7f,
            b'E',
            b'L',
            b'F',
            1 + u8::from(wide),
            2 - u8::from(little),
        ]);
        let mut put = |base: usize, (at, width): Field, number: u64| {
            let bytes = number.to_be_bytes();
            let bytes = &bytes[8 - width..];
            let place = &mut file[base + at..base + at + width];
            place.copy_from_slice(bytes);
            if little {
                place.reverse();
            }
        };
        put(0, layout.phoff, 64);
        put(0, layout.phentsize, layout.entry);
        put(0, layout.phnum, 1);
        put(64, (0, 4), kind);
        put(64, layout.p_offset, end as u64);
        put(64, layout.p_filesz, segment.len() as u64);
        file.extend(segment);
        file
    }

    #[test]
    fn of_all_classes_and_byte_orders() {
        for (wide, little) in [(true, true), (true, false), (false, true), (false, false)] {
            let dynamic = elf(wide, little, 3, b"/lib/ld.so\0");
            assert_eq!(
                linkage(&mut Cursor::new(&dynamic)).unwrap(),
                Linkage::Dynamic("/lib/ld.so".into())
            );
            let fixed = elf(wide, little, 1, b"code");
            assert_eq!(linkage(&mut Cursor::new(&fixed)).unwrap(), Linkage::Static);
            for length in 6..fixed.len() - b"code".len() {
                let cut = linkage(&mut Cursor::new(&fixed[..length]));
                assert!(cut.is_err(), "{length} bytes: {cut:?}");
            }
        }
        for text in [
            &b""[..],
            b"\x7fELF",
            b"#!/bin/sh\n",
            b"\x7fELF\x03\x01",
            b"\x7fELF\x02\x00",
        ] {
            assert_eq!(linkage(&mut Cursor::new(text)).unwrap(), Linkage::NotElf);
        }
    }

    /// A file that is as large as a disk, and counts what is read of it.
    struct Endless(Cursor<Vec<u8>>, u64);

    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let read = self.0.read(buffer)?;
            let length = if read == 0 { buffer.len() } else { read };
            self.1 += length as u64;
            Ok(length)
        }
    }

    impl Seek for Endless {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            self.0.seek(to)
        }
    }

    #[test]
    fn a_crafted_file_costs_no_more_than_a_real_one() {
        for (entries, size) in [(0xffff, 0xffff), (0xffff, 56), (1171, 56), (1, 0xffff)] {
            let mut file = elf(true, true, 1, b"");
            file[54..56].copy_from_slice(&u16::to_le_bytes(size));
            file[56..58].copy_from_slice(&u16::to_le_bytes(entries));
            let mut file = Endless(Cursor::new(file), 0);
            assert!(linkage(&mut file).is_err(), "{entries} of {size} bytes");
            assert_eq!(file.1, 64);
        }
        let mut file = elf(true, true, 1, b"");
        file[56..58].copy_from_slice(&1170_u16.to_le_bytes());
        let mut file = Endless(Cursor::new(file), 0);
        assert_eq!(linkage(&mut file).unwrap(), Linkage::Static);
        assert!(file.1 <= 64 + LONGEST_TABLE, "{}", file.1);
    }

    #[test]
    fn of_real_files() {
        let linkage = |path: &str| linkage(&mut std::fs::File::open(path).unwrap()).unwrap();
        // Built like the program itself, see .cargo/config.toml.
        assert_eq!(linkage("/proc/self/exe"), Linkage::Static);
        let Linkage::Dynamic(interpreter) = linkage("/bin/true") else {
            panic!("/bin/true is static here")
        };
        assert!(interpreter.exists(), "{interpreter:?}");
        assert_eq!(linkage("/etc/passwd"), Linkage::NotElf);
    }

    #[test]
    fn labels() {
        let program = Path::new("/usr/bin/listenup");
        let unconfined = "system_u:object_r:keepalived_unconfined_script_exec_t:s0";
        let bin = "system_u:object_r:bin_t:s0";
        for (label, own, expected) in [
            (
                unconfined,
                "",
                "ok       /usr/bin/listenup: SELinux label LABEL\n",
            ),
            (
                bin,
                "unconfined_u:unconfined_r:unconfined_t:s0",
                "note     sock_diag may be refused to the check, which this run as \
                 unconfined_u:unconfined_r:unconfined_t:s0 does not show\n         \
                 /usr/bin/listenup: SELinux label LABEL: keepalived would run it in its own \
                 domain\n         install it in /usr/libexec/keepalived\n",
            ),
            (
                bin,
                "",
                "note     sock_diag may be refused to the check\n         \
                 /usr/bin/listenup: SELinux label LABEL: keepalived would run it in its own \
                 domain\n         install it in /usr/libexec/keepalived\n",
            ),
        ] {
            let finding = judge_label(program, label, own).to_string();
            assert_eq!(finding, expected.replace("LABEL", label));
        }
    }

    proptest! {
        #[test]
        fn whatever_a_file_has_in_it(
            start in prop::sample::select(vec![&b"\x7fELF\x02\x01"[..], b"\x7fELF\x01\x02", b""]),
            rest: Vec<u8>,
        ) {
            let file = [start, &rest].concat();
            let answer = linkage(&mut Cursor::new(&file));
            prop_assert!(!start.is_empty() || rest.starts_with(b"\x7fELF")
                || answer.unwrap() == Linkage::NotElf);
        }
    }
}
