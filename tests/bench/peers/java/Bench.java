import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Apache's client, with the command line of kafka-bench: produce|consume|latency|e2e|idle TOPIC N SIZE none|lz4 all|1|0. */
public final class Bench {
    private static final int PARTITIONS = 3;
    private static final int WARM_UP = 200;
    private static final com.sun.management.OperatingSystemMXBean SYSTEM =
            (com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();

    private final String topic;
    private final int n;
    private final int size;
    private final String compression;
    private final String acks;
    private long startNs;
    private long startCpuNs;

    private Bench(String[] args) {
        topic = args[1];
        n = Integer.parseInt(args[2]);
        size = Integer.parseInt(args[3]);
        compression = args[4];
        acks = args[5];
    }

    public static void main(String[] args) throws Exception {
        if (args.length != 6) {
            System.err.println("usage: Bench produce|consume|latency|e2e|idle TOPIC N SIZE none|lz4 all|1|0");
            System.exit(2);
        }
        Bench bench = new Bench(args);
        switch (args[0]) {
            case "produce" -> bench.produce();
            case "consume" -> bench.consume();
            case "latency" -> bench.latency();
            case "e2e" -> bench.endToEnd();
            case "idle" -> bench.idle();
            default -> {
                System.err.println("no mode " + args[0]);
                System.exit(2);
            }
        }
    }

    private static String env(String name, String fallback) {
        String value = System.getenv(name);
        return value == null ? fallback : value;
    }

    private static long statusKb(String name) throws Exception {
        for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
            if (line.startsWith(name)) return Long.parseLong(line.replaceAll("[^0-9]", ""));
        }
        return 0;
    }

    private byte[][] values() throws Exception {
        String data = env("DATA", "");
        byte[] bytes = data.isEmpty() ? new byte[size] : Files.readAllBytes(Path.of(data));
        byte[][] values = new byte[bytes.length / size][];
        for (int i = 0; i < values.length; i++) values[i] = Arrays.copyOfRange(bytes, i * size, (i + 1) * size);
        return values;
    }

    private void begin() {
        startCpuNs = SYSTEM.getProcessCpuTime();
        startNs = System.nanoTime();
    }

    private void report(long records, long bytes, String extra) throws Exception {
        double wall = (System.nanoTime() - startNs) / 1e9;
        double cpuNs = SYSTEM.getProcessCpuTime() - startCpuNs;
        System.out.printf(Locale.ROOT,
                "{\"n\":%d,\"wall\":%.4f,\"rps\":%.0f,\"mbps\":%.2f,\"cpu_ns_rec\":%.1f,\"maxrss_kb\":%d%s}%n",
                records, wall, records / wall, bytes / wall / 1e6, cpuNs / Math.max(records, 1), statusKb("VmHWM"), extra);
    }

    private static double at(long[] sorted, double q) {
        int index = Math.min(Math.max((int) Math.ceil(sorted.length * q), 1), sorted.length) - 1;
        return sorted[index] / 1e3;
    }

    private void reportLatencies(long[] ns) throws Exception {
        Arrays.sort(ns);
        double mean = Arrays.stream(ns).average().orElse(0) / 1e3;
        report(ns.length, 0, String.format(Locale.ROOT,
                ",\"p50_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f,\"max_us\":%.1f,\"mean_us\":%.1f",
                at(ns, 0.5), at(ns, 0.99), at(ns, 0.999), at(ns, 1), mean));
    }

    private KafkaProducer<byte[], byte[]> producer(String linger) {
        Properties p = new Properties();
        p.put("bootstrap.servers", env("BROKER", "127.0.0.1:19092"));
        p.put("compression.type", compression);
        p.put("acks", acks);
        p.put("enable.idempotence", String.valueOf(acks.equals("all")));
        p.put("linger.ms", linger);
        p.put("batch.size", env("BATCH", "16384"));
        KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(p, new ByteArraySerializer(), new ByteArraySerializer());
        producer.partitionsFor(topic);
        return producer;
    }

    private KafkaConsumer<byte[], byte[]> consumer(boolean fromBeginning) {
        Properties p = new Properties();
        p.put("bootstrap.servers", env("BROKER", "127.0.0.1:19092"));
        p.put("enable.auto.commit", "false");
        KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(p, new ByteArrayDeserializer(), new ByteArrayDeserializer());
        List<TopicPartition> all = new ArrayList<>();
        for (int i = 0; i < PARTITIONS; i++) all.add(new TopicPartition(topic, i));
        consumer.assign(all);
        if (fromBeginning) {
            consumer.seekToBeginning(all);
        } else {
            consumer.seekToEnd(all);
            all.forEach(consumer::position);
        }
        return consumer;
    }

    private ProducerRecord<byte[], byte[]> record(byte[] value) {
        return new ProducerRecord<>(topic, value);
    }

    private void produce() throws Exception {
        byte[][] values = values();
        KafkaProducer<byte[], byte[]> producer = producer(env("LINGER", "5"));
        AtomicLong failed = new AtomicLong();
        begin();
        for (int i = 0; i < n; i++) {
            producer.send(record(values[i % values.length]), (metadata, error) -> {
                if (error != null) failed.incrementAndGet();
            });
        }
        producer.flush();
        report(n, (long) n * size, ",\"errors\":" + failed.get());
    }

    private void consume() throws Exception {
        begin();
        KafkaConsumer<byte[], byte[]> consumer = consumer(true);
        long seen = 0;
        long bytes = 0;
        long touched = 0;
        while (seen < n) {
            ConsumerRecords<byte[], byte[]> records = consumer.poll(Duration.ofSeconds(10));
            if (records.isEmpty()) throw new IllegalStateException("no more records after " + seen);
            for (ConsumerRecord<byte[], byte[]> record : records) {
                seen++;
                bytes += record.value().length;
                touched += record.value()[0];
            }
        }
        report(seen, bytes, ",\"x\":" + touched);
    }

    private void latency() throws Exception {
        byte[][] values = values();
        KafkaProducer<byte[], byte[]> producer = producer("0");
        for (int i = 0; i < WARM_UP; i++) producer.send(record(values[i % values.length])).get();
        long[] latencies = new long[n];
        begin();
        for (int i = 0; i < n; i++) {
            long start = System.nanoTime();
            producer.send(record(values[i % values.length])).get();
            latencies[i] = System.nanoTime() - start;
        }
        reportLatencies(latencies);
    }

    private void endToEnd() throws Exception {
        KafkaConsumer<byte[], byte[]> consumer = consumer(false);
        KafkaProducer<byte[], byte[]> producer = producer("0");
        int total = n + WARM_UP;
        long period = 1_000_000_000L / Long.parseLong(env("RATE", "1000"));
        Thread writer = new Thread(() -> {
            long due = System.nanoTime();
            for (int i = 0; i < total; i++, due += period) {
                for (long left = due - System.nanoTime(); left > 0; left = due - System.nanoTime()) LockSupport.parkNanos(left);
                byte[] value = new byte[Math.max(size, 8)];
                ByteBuffer.wrap(value).order(ByteOrder.LITTLE_ENDIAN).putLong(System.nanoTime());
                producer.send(record(value));
            }
        });
        writer.start();
        begin();
        long[] latencies = new long[n];
        int seen = 0;
        while (seen < total) {
            ConsumerRecords<byte[], byte[]> records = consumer.poll(Duration.ofSeconds(10));
            if (records.isEmpty()) throw new IllegalStateException("no more records after " + seen);
            long now = System.nanoTime();
            for (ConsumerRecord<byte[], byte[]> record : records) {
                long sent = ByteBuffer.wrap(record.value()).order(ByteOrder.LITTLE_ENDIAN).getLong();
                if (seen >= WARM_UP) latencies[seen - WARM_UP] = now - sent;
                seen++;
            }
        }
        reportLatencies(latencies);
    }

    private void idle() throws Exception {
        KafkaProducer<byte[], byte[]> producer = producer("0");
        producer.send(record(new byte[100])).get();
        Thread.sleep(3000);
        System.out.printf("{\"n\":1,\"idle_rss_kb\":%d}%n", statusKb("VmRSS"));
        producer.close();
    }
}
