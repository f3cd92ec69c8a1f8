//! A small chart in text.

use std::ops::Range;

/// From low to high.
const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The values over time, in at most `width` characters, from `range`'s start to its end, or from their least to their
/// greatest. Where there are more values than characters, a character shows the mean of several.
pub fn sparkline(values: &[f64], range: Option<Range<f64>>, width: usize) -> String {
    let width = width.min(values.len());
    let means: Vec<f64> = (0..width)
        .map(|i| {
            let part = &values[i * values.len() / width..(i + 1) * values.len() / width];
            part.iter().sum::<f64>() / part.len() as f64
        })
        .collect();
    let range = range.unwrap_or_else(|| {
        let low = means.iter().copied().fold(f64::INFINITY, f64::min);
        low..means.iter().copied().fold(f64::NEG_INFINITY, f64::max)
    });
    let span = range.end - range.start;
    means
        .iter()
        .map(|value| {
            let level = if span > 0.0 { (value - range.start) / span * BLOCKS.len() as f64 } else { 0.0 };
            BLOCKS[(level as usize).min(BLOCKS.len() - 1)]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_goes_from_the_least_to_the_greatest() {
        assert_eq!(sparkline(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], None, 20), "▁▂▃▄▅▆▇█");
        assert_eq!(sparkline(&[5.0, 5.0, 5.0], None, 20), "▁▁▁");
        assert_eq!(sparkline(&[100.0, 45.0, 0.0, 200.0, -1.0], Some(0.0..100.0), 20), "█▄▁█▁");
        assert_eq!(sparkline(&[], None, 20), "");
    }

    #[test]
    fn many_values_share_a_character() {
        let values: Vec<f64> = (0..1000).map(f64::from).collect();
        assert_eq!(sparkline(&values, None, 8), "▁▂▃▄▅▆▇█");
        assert_eq!(sparkline(&values, None, 30).chars().count(), 30);
    }
}
