// Apache's own message classes as the judge of our codec. A single file, run from source:
//
//   java -cp 'libs/*' Judge.java random <seed> <count>   random messages of every API, version and direction
//   java -cp 'libs/*' Judge.java check                   reads "<key> <version> <direction> <hex>" lines, answers each
//   java -cp 'libs/*' Judge.java schemas                 the message definitions, one JSON document per line
//
// A message is one line: "<key> <version> <request|response|data> <hex>\t<json>", its bytes as Apache writes them and
// its fields as Apache reads them. Messages that travel in records have a name in place of a key.

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.*;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.*;
import java.util.jar.*;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.ApiMessageType;
import org.apache.kafka.common.protocol.*;
import org.apache.kafka.common.protocol.types.*;

public class Judge {
    static final String[] EMBEDDED = {
        "ConsumerProtocolAssignment", "ConsumerProtocolSubscription", "AbortedTxn", "ControlRecordTypeSchema",
        "EndTxnMarker", "LeaderChangeMessage", "SnapshotHeaderRecord", "SnapshotFooterRecord", "KRaftVersionRecord",
        "VotersRecord", "DefaultPrincipalData"
    };
    static final String PACKAGE = "org.apache.kafka.common.message.";
    static final ObjectMapper JSON = new ObjectMapper();
    static final PrintStream OUT =
        new PrintStream(new BufferedOutputStream(new FileOutputStream(FileDescriptor.out), 1 << 16), false, StandardCharsets.UTF_8);

    public static void main(String[] args) throws Exception {
        switch (args[0]) {
            case "random" -> random(Long.parseLong(args[1]), Integer.parseInt(args[2]));
            case "check" -> check();
            case "schemas" -> schemas();
            default -> throw new IllegalArgumentException(args[0]);
        }
        OUT.flush();
    }

    static void random(long seed, int count) throws Exception {
        Random random = new Random(seed);
        for (ApiMessageType api : ApiMessageType.values()) {
            if (!api.listeners().contains(ApiMessageType.ListenerType.BROKER)) continue;
            for (short v = api.lowestSupportedVersion(); v <= api.highestSupportedVersion(true); v++) {
                for (int i = 0; i < count; i++) {
                    String at = api.apiKey() + " " + v;
                    answer(at + " request", make(random, api.requestSchemas()[v]), api.newRequest(), v);
                    answer(at + " response", make(random, api.responseSchemas()[v]), api.newResponse(), v);
                }
            }
        }
        for (String name : EMBEDDED) {
            Class<?> type;
            try {
                type = Class.forName(PACKAGE + name);
            } catch (ClassNotFoundException older) {
                continue;
            }
            Schema[] schemas = (Schema[]) type.getField("SCHEMAS").get(null);
            for (short v = 0; v < schemas.length; v++) {
                if (schemas[v] == null) continue;
                for (int i = 0; i < count; i++)
                    answer(name + " " + v + " data", make(random, schemas[v]), embedded(type), v);
            }
        }
    }

    static ApiMessage embedded(Class<?> type) throws Exception {
        return (ApiMessage) type.getConstructor().newInstance();
    }

    static void check() throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII), 1 << 16);
        for (String line; (line = in.readLine()) != null; ) {
            String[] words = line.split(" ", 4);
            short version = Short.parseShort(words[1]);
            ApiMessage message = switch (words[2]) {
                case "request" -> ApiMessageType.fromApiKey(Short.parseShort(words[0])).newRequest();
                case "response" -> ApiMessageType.fromApiKey(Short.parseShort(words[0])).newResponse();
                default -> embedded(Class.forName(PACKAGE + words[0]));
            };
            String at = words[0] + " " + version + " " + words[2];
            try {
                answer(at, ByteBuffer.wrap(HexFormat.of().parseHex(words[3])), message, version);
            } catch (RuntimeException e) {
                OUT.println(at + " error: " + e);
            }
        }
    }

    /** Apache reads the bytes, writes them again, and prints the fields. */
    static void answer(String at, ByteBuffer bytes, ApiMessage message, short version) throws Exception {
        message.read(new ByteBufferAccessor(bytes), version);
        if (bytes.hasRemaining()) throw new IllegalStateException(at + ": " + bytes.remaining() + " bytes left");
        ObjectSerializationCache cache = new ObjectSerializationCache();
        ByteBuffer out = ByteBuffer.allocate(message.size(cache, version));
        message.write(new ByteBufferAccessor(out), cache, version);
        JsonNode json = (JsonNode) converter(message.getClass()).invoke(null, message, version, true);
        OUT.println(at + " " + HexFormat.of().formatHex(out.array()) + "\t" + JSON.writeValueAsString(json));
    }

    static final Map<Class<?>, java.lang.reflect.Method> CONVERTERS = new HashMap<>();

    static java.lang.reflect.Method converter(Class<?> type) throws Exception {
        java.lang.reflect.Method method = CONVERTERS.get(type);
        if (method == null) {
            method = Class.forName(type.getName() + "JsonConverter").getMethod("write", type, short.class, boolean.class);
            CONVERTERS.put(type, method);
        }
        return method;
    }

    static ByteBuffer make(Random random, Schema schema) {
        Struct struct = struct(random, schema);
        ByteBuffer bytes = ByteBuffer.allocate(schema.sizeOf(struct));
        schema.write(bytes, struct);
        bytes.flip();
        return bytes;
    }

    static Struct struct(Random random, Schema schema) {
        Struct struct = new Struct(schema);
        for (BoundField field : schema.fields()) {
            if (field.def.type instanceof TaggedFields tagged) {
                NavigableMap<Integer, Object> values = new TreeMap<>();
                tagged.fields().forEach((tag, f) -> {
                    if (random.nextBoolean()) values.put(tag, value(random, f.type));
                });
                struct.set(field, values);
            } else {
                struct.set(field, value(random, field.def.type));
            }
        }
        return struct;
    }

    static final long[] EDGES = {
        0, 1, -1, 2, -2, 63, 64, 127, 128, 255, 256, -128, Short.MIN_VALUE, Short.MAX_VALUE, 65535, Integer.MIN_VALUE,
        Integer.MAX_VALUE, 1L << 32, Long.MIN_VALUE, Long.MAX_VALUE
    };

    static long number(Random random) {
        return random.nextBoolean() ? EDGES[random.nextInt(EDGES.length)] : random.nextLong();
    }

    static Object value(Random random, Type type) {
        if (type.isNullable() && random.nextInt(4) == 0) return null;
        if (type.isArray()) {
            Type element = type.arrayElementType().get();
            boolean simple = !(element instanceof Schema);
            int len = simple && random.nextInt(20) == 0 ? 126 + random.nextInt(4) : random.nextInt(4);
            Object[] elements = new Object[len];
            for (int i = 0; i < len; i++) elements[i] = value(random, element);
            return elements;
        }
        if (type instanceof Schema schema) return struct(random, schema);
        if (type == Type.BOOLEAN) return random.nextBoolean();
        if (type == Type.INT8) return (byte) number(random);
        if (type == Type.INT16) return (short) number(random);
        if (type == Type.UINT16) return (int) number(random) & 0xffff;
        if (type == Type.INT32) return (int) number(random);
        if (type == Type.UNSIGNED_INT32) return number(random) & 0xffffffffL;
        if (type == Type.INT64) return number(random);
        if (type == Type.FLOAT64) return random.nextBoolean() ? random.nextGaussian() : (double) number(random);
        if (type == Type.UUID) return random.nextInt(4) == 0 ? Uuid.ZERO_UUID : new Uuid(random.nextLong(), random.nextLong());
        String name = type.toString();
        if (name.endsWith("STRING")) return text(random);
        byte[] bytes = new byte[length(random)];
        random.nextBytes(bytes);
        if (name.endsWith("RECORDS")) return records(ByteBuffer.wrap(bytes));
        if (name.endsWith("BYTES")) return ByteBuffer.wrap(bytes);
        throw new IllegalStateException("no values for " + name);
    }

    /** MemoryRecords, which moved to another package in 4.4. */
    static Object records(ByteBuffer bytes) {
        for (String name : new String[] {"record.internal.MemoryRecords", "record.MemoryRecords"}) {
            try {
                Class<?> type = Class.forName("org.apache.kafka.common." + name);
                return type.getMethod("readableRecords", ByteBuffer.class).invoke(null, bytes);
            } catch (ClassNotFoundException other) {
                continue;
            } catch (ReflectiveOperationException e) {
                throw new IllegalStateException(e);
            }
        }
        throw new IllegalStateException("no MemoryRecords");
    }

    /** Lengths around which the compact encoding grows by a byte. */
    static int length(Random random) {
        return switch (random.nextInt(12)) {
            case 0 -> 0;
            case 1 -> 126 + random.nextInt(4);
            case 2 -> random.nextInt(8) == 0 ? 16382 + random.nextInt(4) : 300;
            default -> random.nextInt(12);
        };
    }

    static final String[] LETTERS = {"a", "Z", "9", "-", "_", ".", " ", "\"", "\\", "\n", "\0", "é", "ß", "漢", "\uffff", "😀", "\u202e"};

    static String text(Random random) {
        StringBuilder text = new StringBuilder();
        for (int left = length(random); left > 0; left--) text.append(LETTERS[random.nextInt(LETTERS.length)]);
        return text.length() > 8000 ? text.substring(0, 1000).replaceAll("[\ud800-\udfff]", "x") : text.toString();
    }

    static void schemas() throws Exception {
        JSON.configure(JsonParser.Feature.ALLOW_COMMENTS, true);
        String jar = new File(ApiMessageType.class.getProtectionDomain().getCodeSource().getLocation().toURI()).getPath();
        try (JarFile file = new JarFile(jar)) {
            for (JarEntry entry : Collections.list(file.entries())) {
                if (!entry.getName().startsWith("common/message/") || !entry.getName().endsWith(".json")) continue;
                try (InputStream in = file.getInputStream(entry)) {
                    OUT.println(JSON.writeValueAsString(JSON.readTree(in)));
                }
            }
        }
    }
}
