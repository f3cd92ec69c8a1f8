//! The few lines a log gets: to `log` on servers, to `defmt` on devices, to neither without a feature.

/// Logs what an operator would want to know. Numbers and strings only: both back ends understand them.
macro_rules! note {
    ($($arg:tt)*) => {{
        #[cfg(feature = "log")]
        ::log::debug!($($arg)*);
        #[cfg(feature = "defmt")]
        ::defmt::debug!($($arg)*);
        // Checked in every build, compiled into none.
        if false {
            let _ = ::core::format_args!($($arg)*);
        }
    }};
}

pub(crate) use note;
