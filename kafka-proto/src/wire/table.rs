//! The table that declares structures, one line per field.
//!
//! ```text
//! wire! {
//!     /// What it is for.
//!     pub struct Name<'a> {
//!         error_code: ErrorCode,                                  // in every version
//!         throttle:   i32 = -1                 [1..],             // from version 1 on, else read as −1
//!         old_name:   &'a str                  [0..=12],          // up to version 12
//!         reason:     Option<&'a str> = null   [1..],             // can be null; left out it is null
//!         topics:     Option<Array<'a, Topic<'a>>> [0.., null 1..], // can be null from version 1 on
//!     } tagged { 3 => epoch: i64 = -1 [3..], }                    // tag 3, from version 3 on
//! }
//! ```
//!
//! Without `=` the default is the type's own: 0, "", an empty array, a structure of defaults, and where null is allowed
//! that same value, *not* null. Tagged fields exist in flexible versions only, and are left out when they hold their default.
//! `TRUE` stands for `true`, which to `macro_rules!` would be a literal and a word at once.

macro_rules! wire {
    ($(
        $(#[$meta:meta])*
        pub struct $name:ident $(<$lt:lifetime>)? { $($fields:tt)* } $(tagged { $($tagged:tt)* })?
    )*) => {$(
        wire_struct! { [$($lt)?] $(#[$meta])* $name { $($fields)* } { $($($tagged)*)? } }
    )*};
}

macro_rules! wire_struct {
    ([$lt:lifetime] $($rest:tt)*) => { wire_struct! { @emit [$lt] [<$lt>] $($rest)* } };
    ([] $($rest:tt)*) => { wire_struct! { @emit ['a] [] $($rest)* } };
    (@emit [$lt:lifetime] [$($generics:tt)*] $(#[$meta:meta])* $name:ident {
        $($field:ident : $ty:ty $(= $($word:ident)? $($lit:literal)?)? $([$($range:tt)*])?),* $(,)?
    } {
        $($tag:literal => $tfield:ident : $tty:ty $(= $($tword:ident)? $($tlit:literal)?)? $([$($trange:tt)*])?),* $(,)?
    }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq)]
        pub struct $name $($generics)* {
            $(
                #[doc = concat!("`", stringify!($ty), "`" $(, ", versions `", stringify!($($range)*), "`")?
                    $(, ", default `", stringify!($($word)? $($lit)?), "`")?, ".")]
                pub $field: $ty,
            )*
            $(
                #[doc = concat!("`", stringify!($tty), "`, tag ", $tag $(, ", versions `", stringify!($($trange)*), "`")?
                    $(, ", default `", stringify!($($tword)? $($tlit)?), "`")?, ".")]
                pub $tfield: $tty,
            )*
        }

        impl $($generics)* Default for $name $($generics)* {
            fn default() -> Self {
                $crate::wire::Wire::ZERO
            }
        }

        impl<$lt> $crate::wire::Wire<$lt> for $name $($generics)* {
            const ZERO: Self = $name {
                $($field: wire_default!($ty; $($($word)? $($lit)?)?),)*
                $($tfield: wire_default!($tty; $($($tword)? $($tlit)?)?),)*
            };

            #[cfg(feature = "schema")]
            const KIND: $crate::schema::Kind = $crate::schema::Kind::Structure(&$crate::schema::Structure {
                name: stringify!($name),
                fields: &[
                    $(wire_field!($field, $ty, None, [$($($range)*)?]; $($($word)? $($lit)?)?),)*
                    $(wire_field!($tfield, $tty, Some($tag), [$($($trange)*)?]; $($($tword)? $($tlit)?)?),)*
                ],
            });

            fn read(r: &mut $crate::wire::Reader<$lt>) -> Self {
                #[allow(unused_mut)]
                let mut value = $name {
                    $($field: wire_read!(r, $ty, [$($($range)*)?], wire_default!($ty; $($($word)? $($lit)?)?)),)*
                    $($tfield: wire_default!($tty; $($($tword)? $($tlit)?)?),)*
                };
                wire_read_tags!(r, value, [$($tag => $tfield: [$($($trange)*)?],)*]);
                value
            }

            fn write(&self, w: &mut $crate::wire::Writer<'_>) {
                $(wire_write!(w, self.$field, [$($($range)*)?]);)*
                if $crate::wire::FLEXIBLE {
                    $(let $tfield = wire_has!(w, $($($trange)*)?)
                        && !wire_is_default!(self.$tfield; $($($tword)? $($tlit)?)?);)*
                    w.tag_count(0 $(+ u32::from($tfield))*);
                    $(if $tfield {
                        w.tagged($tag, &|w| $crate::wire::Wire::write(&self.$tfield, w));
                    })*
                }
            }
        }
    };
}

/// Whether the version read or written is in a field's range.
macro_rules! wire_has {
    ($io:expr, ) => {
        true
    };
    ($io:expr, 0 .. $(, $($null:tt)*)?) => {
        true
    };
    ($io:expr, $min:literal .. $(, $($null:tt)*)?) => {
        $io.since($min)
    };
    ($io:expr, 0 ..= $max:literal $(, $($null:tt)*)?) => {
        !$io.since($max + 1)
    };
    ($io:expr, $min:literal ..= $max:literal $(, $($null:tt)*)?) => {
        $io.since($min) && !$io.since($max + 1)
    };
}

/// Reads a field of the range, or yields its default.
macro_rules! wire_read {
    ($r:ident, $ty:ty, [], $default:expr) => { <$ty as $crate::wire::Wire<'_>>::read($r) };
    ($r:ident, $ty:ty, [$min:literal .. , null $($null:tt)*], $default:expr) => {
        wire_read!(@null $r, $ty, [$min ..], [$($null)*], $default)
    };
    ($r:ident, $ty:ty, [$min:literal ..= $max:literal , null $($null:tt)*], $default:expr) => {
        wire_read!(@null $r, $ty, [$min ..= $max], [$($null)*], $default)
    };
    ($r:ident, $ty:ty, [$min:literal ..], $default:expr) => {
        if $min > $crate::wire::NEWEST {
            $default
            // Two registers hold a default; what is larger is better off with code of its own.
        } else if size_of::<$ty>() <= size_of::<&str>() {
            $crate::wire::read_since::<$ty>($r, $min, $default)
        } else if $r.since($min) {
            <$ty as $crate::wire::Wire<'_>>::read($r)
        } else {
            $default
        }
    };
    ($r:ident, $ty:ty, [$($range:tt)*], $default:expr) => {
        if wire_has!($r, $($range)*) { <$ty as $crate::wire::Wire<'_>>::read($r) } else { $default }
    };
    (@null $r:ident, $ty:ty, [$($range:tt)*], [$($null:tt)*], $default:expr) => {
        if !wire_has!($r, $($range)*) {
            $default
        } else if wire_has!($r, $($null)*) {
            <$ty as $crate::wire::Wire<'_>>::read($r)
        } else {
            <$ty as $crate::wire::MaybeNull<'_>>::read_present($r)
        }
    };
}

/// Writes a field of the range.
macro_rules! wire_write {
    ($w:ident, $value:expr, []) => { $crate::wire::Wire::write(&$value, $w) };
    ($w:ident, $value:expr, [$min:literal .. , null $($null:tt)*]) => {
        wire_write!(@null $w, $value, [$min ..], [$($null)*])
    };
    ($w:ident, $value:expr, [$min:literal ..= $max:literal , null $($null:tt)*]) => {
        wire_write!(@null $w, $value, [$min ..= $max], [$($null)*])
    };
    ($w:ident, $value:expr, [$min:literal ..]) => {
        if $min <= $crate::wire::NEWEST {
            $crate::wire::write_since($w, &$value, $min);
        }
    };
    ($w:ident, $value:expr, [$($range:tt)*]) => {
        if wire_has!($w, $($range)*) {
            $crate::wire::Wire::write(&$value, $w);
        }
    };
    (@null $w:ident, $value:expr, [$($range:tt)*], [$($null:tt)*]) => {
        if wire_has!($w, $($range)*) {
            if wire_has!($w, $($null)*) {
                $crate::wire::Wire::write(&$value, $w);
            } else {
                $crate::wire::MaybeNull::write_present(&$value, $w);
            }
        }
    };
}

/// Reads the block of tagged fields that ends every structure of a flexible version.
macro_rules! wire_read_tags {
    ($r:ident, $value:ident, []) => { $r.skip_tags() };
    ($r:ident, $value:ident, [$($tag:literal => $field:ident : [$($range:tt)*],)*]) => {
        if !$crate::wire::FLEXIBLE {
            return $value;
        }
        let mut tags = $r.tags();
        while let Some(tag) = $r.next_tag(&mut tags) {
            match tag {
                $($tag if wire_has!($r, $($range)*) => $value.$field = $crate::wire::Wire::read($r),)*
                _ => {}
            }
        }
    };
}

/// A field's default.
macro_rules! wire_default {
    ($ty:ty; ) => {
        <$ty as $crate::wire::Wire<'_>>::ZERO
    };
    ($ty:ty; null) => {
        None
    };
    ($ty:ty; TRUE) => {
        true
    };
    ($ty:ty; $lit:literal) => {
        $lit
    };
}

/// Whether a field holds its default.
macro_rules! wire_is_default {
    ($value:expr; ) => {
        $crate::wire::Wire::is_zero(&$value)
    };
    ($value:expr; null) => {
        $value.is_none()
    };
    ($value:expr; TRUE) => {
        $value
    };
    ($value:expr; $lit:literal) => {
        $value == $lit
    };
}

/// A field as data.
#[cfg(feature = "schema")]
macro_rules! wire_field {
    ($name:ident, $ty:ty, $tag:expr, [$($range:tt)*]; $($default:tt)?) => {
        $crate::schema::Field {
            name: stringify!($name),
            kind: <$ty as $crate::wire::Wire<'_>>::KIND,
            versions: wire_field!(@versions $($range)*),
            null: wire_field!(@null $($range)*),
            tag: $tag,
            default: wire_field!(@default $($default)?),
        }
    };
    (@range $min:literal ..) => { $crate::wire::VersionRange { min: $min, max: i16::MAX } };
    (@range $min:literal ..= $max:literal) => { $crate::wire::VersionRange { min: $min, max: $max } };
    (@versions ) => { $crate::schema::ALWAYS };
    (@versions $min:literal .. $(, $($null:tt)*)?) => { wire_field!(@range $min ..) };
    (@versions $min:literal ..= $max:literal $(, $($null:tt)*)?) => { wire_field!(@range $min ..= $max) };
    (@null $min:literal .. , null $($null:tt)*) => { wire_field!(@range $($null)*) };
    (@null $min:literal ..= $max:literal , null $($null:tt)*) => { wire_field!(@range $($null)*) };
    (@null $($range:tt)*) => { $crate::schema::ALWAYS };
    (@default ) => { $crate::schema::Value::Zero };
    (@default null) => { $crate::schema::Value::Null };
    (@default TRUE) => { $crate::schema::Value::True };
    (@default $number:literal) => { $crate::schema::Value::Number($number) };
}
