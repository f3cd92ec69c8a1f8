//! The yardstick: straight loops for exactly this shape (no key, no headers, one timestamp), trusting their input.

use std::hint::black_box;

use crate::measure::Table;
use crate::{RECORDS, TIMESTAMP, check};

fn put_varint(b: &mut Vec<u8>, v: i64) {
    let mut u = ((v << 1) ^ (v >> 63)) as u64;
    while u >= 128 {
        b.push(u as u8 | 128);
        u >>= 7;
    }
    b.push(u as u8);
}

fn varint_len(v: i64) -> usize {
    let u = ((v << 1) ^ (v >> 63)) as u64;
    (64 - (u | 1).leading_zeros() as usize).div_ceil(7)
}

#[inline(always)]
fn get_varint(b: &[u8], p: &mut usize) -> i64 {
    let (mut r, mut s) = (0u64, 0);
    loop {
        let c = b[*p];
        *p += 1;
        r |= ((c & 127) as u64) << s;
        if c < 128 {
            return ((r >> 1) as i64) ^ -((r & 1) as i64);
        }
        s += 7;
    }
}

fn encode(b: &mut Vec<u8>, values: &[Vec<u8>]) {
    b.clear();
    b.extend([0u8; 61]);
    for (i, v) in values.iter().enumerate() {
        let len = 1 + 1 + varint_len(i as i64) + 1 + varint_len(v.len() as i64) + v.len() + 1;
        put_varint(b, len as i64);
        b.push(0);
        b.push(0);
        put_varint(b, i as i64);
        b.push(1);
        put_varint(b, v.len() as i64);
        b.extend_from_slice(v);
        b.push(0);
    }
    let n = b.len();
    b[8..12].copy_from_slice(&((n - 12) as i32).to_be_bytes());
    b[12..16].copy_from_slice(&(-1i32).to_be_bytes());
    b[16] = 2;
    b[23..27].copy_from_slice(&(values.len() as i32 - 1).to_be_bytes());
    b[27..35].copy_from_slice(&TIMESTAMP.to_be_bytes());
    b[35..43].copy_from_slice(&TIMESTAMP.to_be_bytes());
    b[43..51].copy_from_slice(&(-1i64).to_be_bytes());
    b[51..53].copy_from_slice(&(-1i16).to_be_bytes());
    b[53..57].copy_from_slice(&(-1i32).to_be_bytes());
    b[57..61].copy_from_slice(&(values.len() as i32).to_be_bytes());
    let crc = crc32c::crc32c(&b[21..]);
    b[17..21].copy_from_slice(&crc.to_be_bytes());
}

fn decode(b: &[u8]) -> (usize, u64) {
    assert_eq!(crc32c::crc32c(&b[21..]), u32::from_be_bytes(b[17..21].try_into().unwrap()));
    let n = i32::from_be_bytes(b[57..61].try_into().unwrap());
    let mut p = 61;
    let (mut bytes, mut sum) = (0, 0u64);
    for _ in 0..n {
        let len = get_varint(b, &mut p) as usize;
        let end = p + len;
        p += 1;
        black_box(get_varint(b, &mut p));
        black_box(get_varint(b, &mut p));
        let key = get_varint(b, &mut p);
        if key > 0 {
            p += key as usize;
        }
        let value = get_varint(b, &mut p) as usize;
        bytes += value;
        sum += u64::from(b[p]);
        p = end;
    }
    (bytes, sum)
}

/// The batch as the yardstick writes it.
pub fn encoded(values: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    encode(&mut out, values);
    assert_eq!(values.len(), RECORDS);
    out
}

pub fn run<'a>(table: &mut Table<'a>, values: &'a [Vec<u8>], wire: &'a [u8]) {
    let mut copy = vec![0; wire.len()];
    table.add("floor", "memcpy and crc32c of the batch", move || {
        copy.copy_from_slice(black_box(wire));
        black_box(crc32c::crc32c(&copy));
    });
    let mut out = Vec::with_capacity(1 << 18);
    table.add("build", "by hand", move || {
        encode(&mut out, black_box(values));
        black_box(&out);
    });
    let read = move || check(decode(black_box(wire)));
    table.add("read", "by hand", read);
}
