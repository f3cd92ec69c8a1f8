// Apache's MemoryRecords as the judge of our record batches. A single file, run from source:
//
//   java -cp 'libs/*' Batches.java write <seed> <count>   random batches of every magic and codec: "<hex>\t<what is in it>"
//   java -cp 'libs/*' Batches.java read                   reads lines of hex, answers what is in each, or "error: ..."
//
// What is in it: "b base last epoch codec time transactional control id epoch sequence max count" per batch of magic 2,
// "r offset timestamp key value name=value.." per record, separated by "; ". Bytes are hex, null is "-".

import java.io.*;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.*;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.*;

public class Batches {
    static final HexFormat HEX = HexFormat.of();
    static final PrintStream OUT =
        new PrintStream(new BufferedOutputStream(new FileOutputStream(FileDescriptor.out), 1 << 16), false, StandardCharsets.UTF_8);

    public static void main(String[] args) throws Exception {
        switch (args[0]) {
            case "write" -> write(Long.parseLong(args[1]), Integer.parseInt(args[2]));
            case "read" -> read();
            default -> throw new IllegalArgumentException(args[0]);
        }
        OUT.flush();
    }

    static void read() throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = in.readLine()) != null; ) {
            String answer;
            try {
                answer = describe(ByteBuffer.wrap(HEX.parseHex(line)));
            } catch (RuntimeException e) {
                answer = "error: " + e;
            }
            OUT.println(answer.replace('\n', ' '));
        }
    }

    static String describe(ByteBuffer bytes) {
        List<String> all = new ArrayList<>();
        for (MutableRecordBatch batch : MemoryRecords.readableRecords(bytes).batches()) {
            batch.ensureValid();
            if (batch.magic() >= 2) {
                all.add(String.join(" ", "b", "" + batch.baseOffset(), "" + batch.lastOffset(), "" + batch.partitionLeaderEpoch(),
                    batch.compressionType().name, "" + batch.timestampType().id, "" + batch.isTransactional(), "" + batch.isControlBatch(),
                    "" + batch.producerId(), "" + batch.producerEpoch(), "" + batch.baseSequence(), "" + batch.maxTimestamp(),
                    "" + batch.countOrNull()));
            }
            for (org.apache.kafka.common.record.internal.Record record : batch) {
                record.ensureValid();
                StringBuilder text = new StringBuilder("r " + record.offset() + " " + record.timestamp() + " " + hex(record.key()) + " " + hex(record.value()));
                for (Header header : record.headers()) {
                    text.append(" ").append(HEX.formatHex(header.key().getBytes(StandardCharsets.UTF_8))).append("=");
                    text.append(header.value() == null ? "-" : HEX.formatHex(header.value()));
                }
                all.add(text.toString());
            }
        }
        return String.join("; ", all);
    }

    static String hex(ByteBuffer bytes) {
        if (bytes == null) return "-";
        byte[] copy = new byte[bytes.remaining()];
        bytes.duplicate().get(copy);
        return HEX.formatHex(copy);
    }

    static void write(long seed, int count) {
        Random random = new Random(seed);
        Compression[] codecs = {
            Compression.NONE, Compression.gzip().build(), Compression.snappy().build(), Compression.lz4().build(),
            Compression.lz4().level(12).build(), Compression.zstd().build(), Compression.zstd().level(19).build()
        };
        for (byte magic = 0; magic <= 2; magic++) {
            for (Compression codec : codecs) {
                if (magic < 2 && codec.type() == CompressionType.ZSTD) continue;
                for (int i = 0; i < count; i++) {
                    byte[] bytes = batch(random, magic, codec);
                    OUT.println(HEX.formatHex(bytes) + "\t" + describe(ByteBuffer.wrap(bytes)));
                }
            }
        }
    }

    static byte[] batch(Random random, byte magic, Compression codec) {
        boolean appendTime = magic > 0 && random.nextInt(4) == 0;
        boolean control = magic == 2 && random.nextInt(8) == 0;
        boolean transactional = control || magic == 2 && random.nextInt(4) == 0;
        boolean idempotent = transactional || magic == 2 && random.nextBoolean();
        long now = 1_760_000_000_000L + random.nextInt(1_000_000);
        long offset = random.nextInt(4) == 0 ? 0 : random.nextInt() & 0xffff_ffffL;
        ByteBuffer memory = ByteBuffer.allocate(1 << 20);
        try (MemoryRecordsBuilder builder = MemoryRecords.builder(memory, magic, codec,
            magic == 0 ? TimestampType.NO_TIMESTAMP_TYPE : appendTime ? TimestampType.LOG_APPEND_TIME : TimestampType.CREATE_TIME,
            offset, appendTime ? now : RecordBatch.NO_TIMESTAMP, idempotent ? random.nextInt(1 << 30) : RecordBatch.NO_PRODUCER_ID,
            idempotent ? (short) random.nextInt(1 << 15) : RecordBatch.NO_PRODUCER_EPOCH,
            idempotent ? (control ? RecordBatch.NO_SEQUENCE : random.nextInt(Integer.MAX_VALUE)) : RecordBatch.NO_SEQUENCE,
            transactional, control, magic == 2 ? random.nextInt(100) - 1 : RecordBatch.NO_PARTITION_LEADER_EPOCH)) {
            if (control) {
                ControlRecordType type = random.nextBoolean() ? ControlRecordType.COMMIT : ControlRecordType.ABORT;
                builder.appendEndTxnMarker(now, new EndTransactionMarker(type, random.nextInt(100)));
            } else {
                int records = random.nextInt(8) == 0 ? 300 : 1 + random.nextInt(8);
                for (int i = 0; i < records; i++) {
                    long timestamp = magic == 0 || random.nextInt(8) == 0 ? RecordBatch.NO_TIMESTAMP : now + random.nextInt(10_000) - 5_000;
                    Header[] headers = new Header[magic < 2 ? 0 : random.nextInt(3)];
                    for (int h = 0; h < headers.length; h++) headers[h] = new RecordHeader("h\u00e9" + h, bytes(random, 20));
                    builder.appendWithOffset(offset, timestamp, bytes(random, 10), bytes(random, random.nextInt(50) == 0 ? 40_000 : 200), headers);
                    // Compaction leaves gaps.
                    offset += random.nextInt(8) == 0 ? 1 + random.nextInt(200) : 1;
                }
            }
            MemoryRecords records = builder.build();
            ByteBuffer written = records.buffer().duplicate();
            byte[] out = new byte[written.remaining()];
            written.get(out);
            return out;
        }
    }

    /** Null, or bytes that compress somewhat. */
    static byte[] bytes(Random random, int max) {
        if (random.nextInt(6) == 0) return null;
        byte[] bytes = new byte[random.nextInt(max)];
        for (int i = 0; i < bytes.length; i++) bytes[i] = (byte) ("{\"room\":".charAt(i % 8) + (random.nextInt(4) == 0 ? random.nextInt(16) : 0));
        return bytes;
    }
}
