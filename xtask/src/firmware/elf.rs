//! What an ELF file puts into flash and RAM, by section and by symbol.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use object::{Object, ObjectSection, ObjectSymbol, SectionFlags, SectionKind, SymbolKind};

use super::Result;

/// RAM of the board begins here; what lies below is flash.
const RAM_BEGIN: u64 = 0x2000_0000;

/// One function or static.
pub struct Symbol {
    /// Its path, without the hash.
    pub name: String,
    /// In bytes.
    pub size: u64,
    /// In RAM, else in flash.
    pub is_ram: bool,
}

impl Symbol {
    /// The crate it comes from, as far as the name tells: the first path segment, or `(other)` for C and linker names.
    pub fn crate_name(&self) -> &str {
        let begin = self.name.find(|c: char| c.is_alphabetic() || c == '_').unwrap_or(0);
        let path = self.name.get(begin..).unwrap_or_default();
        let path = path.strip_prefix("dyn ").unwrap_or(path);
        let end = path.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(path.len());
        if path.get(end..).is_some_and(|rest| rest.starts_with("::") || rest.starts_with('[')) {
            path.get(..end).unwrap_or_default()
        } else {
            "(other)"
        }
    }
}

/// What a program occupies.
pub struct Image {
    /// Bytes of flash: code, constants, and the first values of what is in RAM.
    pub flash: u64,
    /// Bytes of RAM that are taken before the first instruction.
    pub ram: u64,
    /// Largest first.
    pub symbols: Vec<Symbol>,
}

impl Image {
    /// Reads `path`.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = fs::read(path)?;
        let file = object::File::parse(&*bytes)?;
        let (mut flash, mut ram) = (0, 0);
        for section in file.sections() {
            let SectionFlags::Elf { sh_flags } = section.flags() else { continue };
            if sh_flags & u64::from(object::elf::SHF_ALLOC) == 0 {
                continue;
            }
            if section.kind() != SectionKind::UninitializedData {
                flash += section.size();
            }
            if section.address() >= RAM_BEGIN {
                ram += section.size();
            }
        }
        let mut symbols: Vec<Symbol> = file
            .symbols()
            .filter(|symbol| {
                symbol.size() > 0 && matches!(symbol.kind(), SymbolKind::Text | SymbolKind::Data)
            })
            .map(|symbol| Symbol {
                name: format!("{:#}", rustc_demangle::demangle(symbol.name().unwrap_or("?"))),
                size: symbol.size(),
                is_ram: symbol.address() >= RAM_BEGIN,
            })
            .collect();
        symbols.sort_by(|a, b| b.size.cmp(&a.size).then_with(|| a.name.cmp(&b.name)));
        Ok(Self { flash, ram, symbols })
    }

    /// Flash by crate.
    pub fn flash_by_crate(&self) -> BTreeMap<&str, u64> {
        let mut sums = BTreeMap::new();
        for symbol in self.symbols.iter().filter(|symbol| !symbol.is_ram) {
            *sums.entry(symbol.crate_name()).or_default() += symbol.size;
        }
        sums
    }
}
