//! The bit matrix over the lost fragments: a lower triangle.

/// Where row `column` of a triangle lies: rows in echelon form, each with its last one at its own column, in as
/// few words of 16 bits as hold columns 0 to `column`. A row that is not there is all zeros.
pub(super) const fn row(column: u16) -> core::ops::Range<usize> {
    let start = halves(column);
    start..start + column as usize / 16 + 1
}

/// Words of 16 bits that the first `side` rows take.
pub(super) const fn halves(side: u16) -> usize {
    let (groups, rest) = (side as usize / 16, side as usize % 16);
    // 16 rows of 1 word, 16 of 2, and so on.
    (groups + 1) * (8 * groups + rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_follow_each_other_without_a_gap() {
        let mut end = 0;
        for column in 0..3000 {
            let row = row(column);
            assert_eq!(row.start, end, "row {column}");
            assert_eq!(row.len(), usize::from(column + 1).div_ceil(16));
            end = row.end;
        }
        assert_eq!(halves(3000), end);
    }
}
