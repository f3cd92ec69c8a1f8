// A transactional producer of Apache's that does what lines on its standard input say, one answer for each: "ok", or the
// name of the exception. It ends with its input.

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;

public class Rival {
    public static void main(String[] args) throws Exception {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", args[0]);
        settings.put("transactional.id", args[1]);
        settings.put("max.block.ms", "30000");
        StringSerializer text = new StringSerializer();
        KafkaProducer<String, String> producer = new KafkaProducer<>(settings, text, text);
        BufferedReader orders = new BufferedReader(new InputStreamReader(System.in));
        for (String line = orders.readLine(); line != null; line = orders.readLine()) {
            System.out.println(answer(producer, line.split(" ")));
            System.out.flush();
        }
        // Without a farewell, as one that was forgotten somewhere.
        Runtime.getRuntime().halt(0);
    }

    private static String answer(KafkaProducer<String, String> producer, String[] words) throws Exception {
        try {
            switch (words[0]) {
                case "init": producer.initTransactions(); break;
                case "begin": producer.beginTransaction(); break;
                case "send": producer.send(new ProducerRecord<>(words[1], 0, null, words[2])).get(); break;
                case "commit": producer.commitTransaction(); break;
                case "abort": producer.abortTransaction(); break;
                default: return "no such order";
            }
            return "ok";
        } catch (ExecutionException e) {
            return e.getCause().getClass().getSimpleName();
        } catch (RuntimeException e) {
            return e.getClass().getSimpleName();
        }
    }
}
