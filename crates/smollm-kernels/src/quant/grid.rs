//! The numbers that a scale multiplies: whole ones, or the table of IQ4.

use super::iq4::IQ4_VALUES;

/// Numbers in ascending order, each with its place as a code.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Grid {
    /// All whole numbers from one to another, at most 256 of them.
    Whole(f32, f32),
    /// [`IQ4_VALUES`].
    Iq4,
}

impl Grid {
    /// The smallest and the largest.
    #[inline(always)]
    pub(crate) fn ends(self) -> (f32, f32) {
        match self {
            Self::Whole(low, high) => (low, high),
            Self::Iq4 => (f32::from(IQ4_VALUES[0]), f32::from(IQ4_VALUES[15])),
        }
    }

    /// The number that a code stands for.
    #[inline(always)]
    pub(crate) fn value(self, code: u8) -> f32 {
        match self {
            Self::Whole(low, _) => f32::from(code) + low,
            Self::Iq4 => f32::from(IQ4_VALUES[usize::from(code)]),
        }
    }

    /// The code of the number nearest to `x`.
    #[inline(always)]
    pub(crate) fn code(self, x: f32) -> u8 {
        let (low, high) = self.ends();
        let x = if x > low { x } else { low };
        let x = if x < high { x } else { high };
        match self {
            // 1.5 x 2^23 leaves no room for a fraction, so adding it rounds, to even as the lanes do.
            Self::Whole(..) => ((x + 12_582_912.0) - 12_582_912.0 - low) as u8,
            // The border between two numbers is a whole or a half one: how many halves above the first can tell.
            Self::Iq4 => NEAREST[((x - low) * 2.0) as usize],
        }
    }
}

/// For each half step above the smallest number of the table the code of the nearest; a border belongs to the upper one.
static NEAREST: [u8; 481] = {
    let mut codes = [0; 481];
    let mut code = 0;
    let mut i = 0;
    while i < codes.len() {
        while code < 15 && i as i32 >= IQ4_VALUES[code] as i32 + IQ4_VALUES[code + 1] as i32 - 2 * IQ4_VALUES[0] as i32
        {
            code += 1;
        }
        codes[i] = code as u8;
        i += 1;
    }
    codes
};

#[cfg(test)]
mod tests {
    use super::{Grid, IQ4_VALUES};

    /// The code of the nearest number is found at, just below and just above every border, and far outside.
    fn check(grid: Grid, count: u8) {
        for code in 0..count - 1 {
            let (this, next) = (grid.value(code), grid.value(code + 1));
            let border = f32::midpoint(this, next);
            assert_eq!(grid.code(this), code, "{grid:?}");
            assert_eq!(grid.code(border - 1e-3), code, "{grid:?} below {border}");
            assert_eq!(grid.code(border + 1e-3), code + 1, "{grid:?} above {border}");
        }
        assert_eq!((grid.code(-1e30), grid.code(1e30)), (0, count - 1), "{grid:?}");
        assert_eq!(grid.ends(), (grid.value(0), grid.value(count - 1)));
    }

    #[test]
    fn numbers_have_the_code_of_the_nearest() {
        check(Grid::Whole(-8.0, 7.0), 16);
        check(Grid::Whole(0.0, 3.0), 4);
        check(Grid::Whole(-127.0, 127.0), 255);
        check(Grid::Iq4, IQ4_VALUES.len() as u8);
    }
}
