//! What the linker kept.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use object::read::archive::ArchiveFile;
use object::{Object, ObjectSection, ObjectSymbol, SectionKind, SymbolKind};

use crate::shell::{Result, Shell};

/// Parts of names that only an allocator has.
const ALLOCATOR: [&str; 6] =
    ["__rust_alloc", "__rust_realloc", "__rg_", "__rdl_", "alloc::alloc", "handle_alloc_error"];

/// Parts of names that only a panic, or the way to one, has.
const PANIC: [&str; 11] = [
    "core::panicking",
    "std::panicking",
    "rust_begin_unwind",
    "panic_fmt",
    "panic_bounds_check",
    "core::slice::index::slice_",
    "slice_error_fail",
    "unwrap_failed",
    "expect_failed",
    "len_mismatch_fail",
    "panic_const",
];

/// A name that must not be there.
#[derive(Debug, PartialEq, Eq)]
pub struct Forbidden {
    pub kind: &'static str,
    pub name: String,
}

/// A linked library.
pub struct Image {
    /// Bytes of code and constants.
    pub flash: u64,
    /// Those of them that are the compiler's functions to copy, fill and compare memory.
    pub memory: u64,
    path: PathBuf,
    names: Vec<String>,
}

impl Image {
    pub fn read(path: &Path) -> Result<Image> {
        let bytes = fs::read(path)?;
        let file = object::File::parse(&*bytes)?;
        let is_flash = |kind| {
            matches!(
                kind,
                SectionKind::Text
                    | SectionKind::ReadOnlyData
                    | SectionKind::ReadOnlyString
                    | SectionKind::Data
            )
        };
        let flash =
            file.sections().filter(|section| is_flash(section.kind())).map(|section| section.size()).sum();
        let names = file
            .symbols()
            .filter(|symbol| matches!(symbol.kind(), SymbolKind::Text | SymbolKind::Data))
            .map(|symbol| plain(symbol.name().unwrap_or("?")))
            .collect();
        // Functions that go by several names are counted once.
        let memory: BTreeMap<u64, u64> = file
            .symbols()
            .filter(|symbol| symbol.kind() == SymbolKind::Text)
            .filter(|symbol| is_memory(&plain(symbol.name().unwrap_or("?"))))
            .map(|symbol| (symbol.address(), symbol.size()))
            .collect();
        Ok(Image { flash, memory: memory.values().sum(), path: path.to_owned(), names })
    }

    /// How many functions and constants have a name.
    pub fn functions(&self) -> usize {
        self.names.len()
    }

    /// What is there and must not be.
    pub fn forbidden(&self) -> Vec<Forbidden> {
        self.names.iter().filter_map(|name| judge(name)).collect()
    }

    /// The functions of ours through which `name` is reached: its callers, and the callers of those that are core's.
    pub fn callers(&self, name: &str) -> Result<BTreeSet<String>> {
        let code = Shell::new("arm-none-eabi-objdump -d").args([&self.path]).read()?;
        let calls = calls(&code);
        let (mut ours, mut seen, mut open) = (BTreeSet::new(), BTreeSet::new(), vec![name.to_owned()]);
        while let Some(name) = open.pop() {
            for (caller, _) in calls.iter().filter(|(_, callee)| *callee == name) {
                if !seen.insert(caller.clone()) {
                    continue;
                }
                if caller.starts_with("core::") || caller.starts_with("<core::") {
                    open.push(caller.clone());
                } else {
                    ours.insert(caller.clone());
                }
            }
        }
        Ok(ours)
    }
}

/// Who calls, or jumps to, whom, in a disassembly.
fn calls(code: &str) -> BTreeSet<(String, String)> {
    let mut calls = BTreeSet::new();
    let mut function = String::new();
    for line in code.lines() {
        let Some((_, rest)) = line.split_once('<') else { continue };
        if let Some(begins) = rest.strip_suffix(">:") {
            function = plain(begins);
            continue;
        }
        let callee = plain(rest.split(['>', '+']).next().unwrap_or_default());
        if callee != function {
            calls.insert((function.clone(), callee));
        }
    }
    calls
}

/// As it was written, without the hash.
fn plain(name: &str) -> String {
    format!("{:#}", rustc_demangle::demangle(name))
}

/// Whether it is one of the functions that the compiler calls to move memory.
fn is_memory(name: &str) -> bool {
    let is = |part| name.starts_with(part);
    is("__aeabi_mem")
        || is("compiler_builtins::mem::")
        || ["memcpy", "memmove", "memset", "memcmp"].contains(&name)
}

fn judge(name: &str) -> Option<Forbidden> {
    let is = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
    let kind = if is(&ALLOCATOR) {
        "allocator"
    } else if is(&PANIC) {
        "panic"
    } else {
        return None;
    };
    Some(Forbidden { kind, name: name.to_owned() })
}

/// The functions that the library at `path` defines for others.
pub fn exported(path: &Path) -> Result<Vec<String>> {
    let bytes = fs::read(path)?;
    let mut names = Vec::new();
    for member in ArchiveFile::parse(&*bytes)?.members() {
        // An archive puts its members at even places; an ELF file is read at multiples of eight.
        let member = member?.data(&*bytes)?.to_vec();
        let Ok(file) = object::File::parse(&*member) else { continue };
        let defined = file.symbols().filter(|symbol| symbol.is_global() && symbol.is_definition());
        names.extend(defined.filter_map(|symbol| symbol.name().ok().map(String::from)));
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_read_from_a_disassembly() {
        let code = "00000010 <a>:\n  10:\tf7ff bl\t20 <b>\n  14:\te7fe b.n\t14 <a+0x4>\n00000020 <b>:\n  20:\te7 b.w 30 <c+0x2>\n";
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(calls(code), BTreeSet::from([pair("a", "b"), pair("b", "c")]));
    }

    #[test]
    fn functions_that_move_memory() {
        assert!(["memcpy", "__aeabi_memcpy8", "compiler_builtins::mem::memcpy"].into_iter().all(is_memory));
        assert!(!["kafka_proto::wire::Writer::put", "memcpy_of_mine"].into_iter().any(is_memory));
    }

    #[test]
    fn names_as_compilers_write_them() {
        let kind = |name: &str| judge(name).map(|forbidden| forbidden.kind);
        for name in [
            "__rust_alloc",
            "__rg_alloc",
            "alloc::alloc::handle_alloc_error",
            "_RNvCs_7___rustc12___rust_alloc",
        ] {
            assert_eq!(kind(name), Some("allocator"), "{name}");
        }
        for name in [
            "core::panicking::panic_fmt",
            "core::panicking::panic_bounds_check",
            "core::panicking::panic_const::panic_const_add_overflow",
            "core::slice::index::slice_end_index_len_fail",
            "core::option::unwrap_failed",
            "rust_begin_unwind",
        ] {
            assert_eq!(kind(name), Some("panic"), "{name}");
        }
        for name in
            ["kafka_proto::wire::Reader::take", "memcpy", "core::str::from_utf8", "proof_records_read"]
        {
            assert_eq!(kind(name), None, "{name}");
        }
    }
}
