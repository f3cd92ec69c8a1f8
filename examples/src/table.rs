//! A table in text.

/// Rows of cells under headings; columns are as wide as they need to be.
#[derive(Debug)]
pub struct Table {
    rows: Vec<Vec<String>>,
    /// True for columns that are aligned to the right, as numbers are.
    right: Vec<bool>,
}

impl Table {
    /// A table with these headings. A heading that begins with `>` makes its column one of numbers.
    pub fn new<const N: usize>(headings: [&str; N]) -> Table {
        let right = headings.iter().map(|h| h.starts_with('>')).collect();
        let first = headings.iter().map(|h| h.trim_start_matches('>').to_owned()).collect();
        Table { rows: vec![first], right }
    }

    /// A row, with a cell for each heading.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let widths: Vec<usize> = (0..self.right.len())
            .map(|column| {
                let cells = self.rows.iter().filter_map(|row| row.get(column));
                cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
            })
            .collect();
        for row in &self.rows {
            let cells = row.iter().zip(&widths).zip(&self.right).map(|((cell, width), right)| {
                if *right { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
            });
            writeln!(f, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(["sensor", ">last", "chart"]);
        table.row(["cpu".into(), "7".into(), "▁█".into()]);
        table.row(["memory.used".into(), "12345678".into(), String::new()]);
        let expected = "sensor           last  chart\ncpu                 7  ▁█\nmemory.used  12345678\n";
        assert_eq!(table.to_string(), expected);
    }
}
