// franz-go, with the command line of kafka-bench: produce|consume|latency|e2e|idle TOPIC N SIZE none|lz4 all|1|0.
// A promise for every record, at most 100,000 of them buffered.
package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	partitions = 3
	warmUp     = 200
	buffered   = 100_000
)

var ctx = context.Background()

type arguments struct {
	mode, topic, compression, acks string
	n, size                        int
}

func env(name, fallback string) string {
	if value, ok := os.LookupEnv(name); ok {
		return value
	}
	return fallback
}

func number(text string) int {
	n, err := strconv.Atoi(text)
	must(err)
	return n
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// A section is what is measured, from its start.
type section struct {
	usage syscall.Rusage
	start time.Time
}

func begin() (s section) {
	must(syscall.Getrusage(syscall.RUSAGE_SELF, &s.usage))
	s.start = time.Now()
	return s
}

func (s section) report(n int, bytes int, extra string) {
	wall := time.Since(s.start).Seconds()
	var now syscall.Rusage
	must(syscall.Getrusage(syscall.RUSAGE_SELF, &now))
	seconds := func(from, to syscall.Timeval) float64 {
		return float64(to.Sec-from.Sec) + float64(to.Usec-from.Usec)/1e6
	}
	user, sys := seconds(s.usage.Utime, now.Utime), seconds(s.usage.Stime, now.Stime)
	fmt.Printf(`{"n":%d,"wall":%.4f,"rps":%.0f,"mbps":%.2f,"user":%.4f,"sys":%.4f,"cpu_ns_rec":%.1f,"maxrss_kb":%d%s}`+"\n",
		n, wall, float64(n)/wall, float64(bytes)/wall/1e6, user, sys, (user+sys)*1e9/float64(max(n, 1)), now.Maxrss, extra)
}

func (s section) reportLatencies(latencies []time.Duration) {
	slices.Sort(latencies)
	n := len(latencies)
	at := func(q float64) float64 {
		i := min(max(int(float64(n)*q+0.999999), 1), n) - 1
		return float64(latencies[i].Nanoseconds()) / 1e3
	}
	var sum time.Duration
	for _, latency := range latencies {
		sum += latency
	}
	mean := float64(sum.Nanoseconds()) / 1e3 / float64(n)
	s.report(n, 0, fmt.Sprintf(`,"p50_us":%.1f,"p99_us":%.1f,"p999_us":%.1f,"max_us":%.1f,"mean_us":%.1f`,
		at(0.5), at(0.99), at(0.999), at(1), mean))
}

func values(size int) [][]byte {
	bytes, err := os.ReadFile(env("DATA", ""))
	if err != nil || len(bytes) < size {
		bytes = make([]byte, size)
	}
	return slices.Collect(slices.Chunk(bytes[:len(bytes)/size*size], size))
}

func producer(args arguments, linger time.Duration) *kgo.Client {
	options := []kgo.Opt{
		kgo.SeedBrokers(env("BROKER", "127.0.0.1:19092")),
		kgo.DefaultProduceTopic(args.topic),
		kgo.ProducerLinger(linger),
		kgo.ProducerBatchMaxBytes(int32(number(env("BATCH", "16384")))),
		kgo.MaxBufferedRecords(buffered),
	}
	codec := kgo.NoCompression()
	if args.compression == "lz4" {
		codec = kgo.Lz4Compression()
	}
	options = append(options, kgo.ProducerBatchCompression(codec))
	switch args.acks {
	case "1":
		options = append(options, kgo.RequiredAcks(kgo.LeaderAck()), kgo.DisableIdempotentWrite())
	case "0":
		options = append(options, kgo.RequiredAcks(kgo.NoAck()), kgo.DisableIdempotentWrite())
	}
	client, err := kgo.NewClient(options...)
	must(err)
	must(client.Ping(ctx))
	return client
}

func consumer(topic string, from kgo.Offset) *kgo.Client {
	offsets := map[int32]kgo.Offset{}
	for partition := range int32(partitions) {
		offsets[partition] = from
	}
	client, err := kgo.NewClient(
		kgo.SeedBrokers(env("BROKER", "127.0.0.1:19092")),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: offsets}))
	must(err)
	return client
}

func produce(args arguments) {
	values := values(args.size)
	client := producer(args, time.Duration(number(env("LINGER", "5")))*time.Millisecond)
	var failed atomic.Int64
	promise := func(_ *kgo.Record, err error) {
		if err != nil {
			failed.Add(1)
		}
	}
	s := begin()
	for i := range args.n {
		client.Produce(ctx, &kgo.Record{Value: values[i%len(values)]}, promise)
	}
	must(client.Flush(ctx))
	s.report(args.n, args.n*args.size, fmt.Sprintf(`,"errors":%d`, failed.Load()))
}

func consume(args arguments) {
	s := begin()
	client := consumer(args.topic, kgo.NewOffset().AtStart())
	n, bytes, touched := 0, 0, uint64(0)
	for n < args.n {
		client.PollFetches(ctx).EachPartition(func(partition kgo.FetchTopicPartition) {
			for _, record := range partition.Records {
				n++
				bytes += len(record.Value)
				touched += uint64(record.Value[0])
			}
		})
	}
	s.report(n, bytes, fmt.Sprintf(`,"x":%d`, touched))
}

func latency(args arguments) {
	values := values(args.size)
	client := producer(args, 0)
	once := func(i int) time.Duration {
		start := time.Now()
		must(client.ProduceSync(ctx, &kgo.Record{Value: values[i%len(values)]}).FirstErr())
		return time.Since(start)
	}
	for i := range warmUp {
		once(i)
	}
	latencies := make([]time.Duration, args.n)
	s := begin()
	for i := range latencies {
		latencies[i] = once(i)
	}
	s.reportLatencies(latencies)
}

func endToEnd(args arguments) {
	reader, writer := consumer(args.topic, kgo.NewOffset().AtEnd()), producer(args, 0)
	epoch, total := time.Now(), args.n+warmUp
	go func() {
		// Where the reader begins is only known when it has asked.
		time.Sleep(2 * time.Second)
		period := time.Second / time.Duration(number(env("RATE", "1000")))
		start := time.Now()
		for i := range total {
			time.Sleep(time.Until(start.Add(time.Duration(i) * period)))
			value := make([]byte, max(args.size, 8))
			binary.LittleEndian.PutUint64(value, uint64(time.Since(epoch)))
			writer.Produce(ctx, &kgo.Record{Value: value}, nil)
		}
	}()
	s, seen, latencies := begin(), 0, make([]time.Duration, 0, total)
	for seen < total {
		fetches := reader.PollFetches(ctx)
		now := time.Since(epoch)
		fetches.EachRecord(func(record *kgo.Record) {
			if seen++; seen > warmUp {
				latencies = append(latencies, now-time.Duration(binary.LittleEndian.Uint64(record.Value)))
			}
		})
	}
	s.reportLatencies(latencies)
}

func idle(args arguments) {
	client := producer(args, 0)
	must(client.ProduceSync(ctx, &kgo.Record{Value: make([]byte, 100)}).FirstErr())
	time.Sleep(3 * time.Second)
	status, err := os.ReadFile("/proc/self/status")
	must(err)
	for line := range strings.Lines(string(status)) {
		if strings.HasPrefix(line, "VmRSS") {
			fmt.Printf(`{"n":1,"idle_rss_kb":%s}`+"\n", strings.Fields(line)[1])
		}
	}
}

func main() {
	if len(os.Args) != 7 {
		fmt.Fprintln(os.Stderr, "usage: franz-go produce|consume|latency|e2e|idle TOPIC N SIZE none|lz4 all|1|0")
		os.Exit(2)
	}
	a := os.Args
	args := arguments{mode: a[1], topic: a[2], n: number(a[3]), size: number(a[4]), compression: a[5], acks: a[6]}
	modes := map[string]func(arguments){
		"produce": produce, "consume": consume, "latency": latency, "e2e": endToEnd, "idle": idle,
	}
	mode, ok := modes[args.mode]
	if !ok {
		fmt.Fprintln(os.Stderr, "no mode", args.mode)
		os.Exit(2)
	}
	mode(args)
}
