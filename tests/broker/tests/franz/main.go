// A judge of the broker that shares no code with Apache's clients, librdkafka or ours: franz-go.
//
//	judge group BOOTSTRAP TOPIC GROUP PROTOCOL COUNT   two members of a group share COUNT records
//	judge copy  BOOTSTRAP FROM TO GROUP COUNT          a transactional copy, every third transaction aborted
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	var err error
	switch args := os.Args[1:]; {
	case len(args) == 6 && args[0] == "group":
		err = group(ctx, args[1], args[2], args[3], args[4], number(args[5]))
	case len(args) == 6 && args[0] == "copy":
		err = transactions(ctx, args[1], args[2], args[3], args[4], number(args[5]))
	default:
		err = errors.New("usage: judge group|copy ...")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		panic(err)
	}
	return n
}

// group produces count records, and two members print "member partition value" for each until all were read once.
func group(ctx context.Context, bootstrap, topic, name, protocol string, count int) error {
	producer, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(bootstrap, ",")...), kgo.DefaultProduceTopic(topic))
	if err != nil {
		return err
	}
	defer producer.Close()
	// What the clients live in does not end with the reading: the last offsets are committed after it.
	life := context.Background()
	if protocol == "consumer" {
		life = context.WithValue(life, "opt_in_kafka_next_gen_balancer_beta", true)
	}
	var lock sync.Mutex
	seen := map[string]bool{}
	ctx, done := context.WithCancel(ctx)
	defer done()
	var members sync.WaitGroup
	failed := make(chan error, 2)
	assigned := make(chan int, 100)
	for id := 0; id < 2; id++ {
		client, err := kgo.NewClient(
			kgo.SeedBrokers(strings.Split(bootstrap, ",")...), kgo.ConsumerGroup(name), kgo.ConsumeTopics(topic), kgo.WithContext(life),
			kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.BlockRebalanceOnPoll(), kgo.AutoCommitMarks(),
			kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, parts map[string][]int32) {
				if len(parts[topic]) > 0 {
					assigned <- id
				}
			}),
		)
		if err != nil {
			return err
		}
		members.Add(1)
		go func() {
			defer members.Done()
			defer client.CloseAllowingRebalance()
			for ctx.Err() == nil {
				fetches := client.PollFetches(ctx)
				for _, e := range fetches.Errors() {
					if ctx.Err() == nil {
						failed <- fmt.Errorf("partition %d: %w", e.Partition, e.Err)
						done()
					}
				}
				fetches.EachRecord(func(r *kgo.Record) {
					lock.Lock()
					defer lock.Unlock()
					if seen[string(r.Value)] {
						failed <- fmt.Errorf("twice: %s", r.Value)
						done()
					}
					seen[string(r.Value)] = true
					fmt.Printf("%d %d %s\n", id, r.Partition, r.Value)
					if len(seen) == count {
						done()
					}
				})
				client.MarkCommitRecords(fetches.Records()...)
				if err := client.CommitMarkedOffsets(context.Background()); err != nil {
					failed <- err
					done()
				}
				client.AllowRebalance()
			}
		}()
	}
	// Both have to have partitions before there is something to read.
	for have := map[int]bool{}; len(have) < 2; {
		select {
		case id := <-assigned:
			have[id] = true
		case <-ctx.Done():
			return errors.New("a member got no partition")
		}
	}
	for n := 0; n < count; n++ {
		record := kgo.KeyStringRecord(strconv.Itoa(n), "v"+strconv.Itoa(n))
		if err := producer.ProduceSync(context.Background(), record).FirstErr(); err != nil {
			return err
		}
	}
	members.Wait()
	select {
	case err := <-failed:
		return err
	default:
	}
	if len(seen) != count {
		return fmt.Errorf("%d of %d records in time", len(seen), count)
	}
	return nil
}

// transactions copies count records exactly once, although every third transaction is aborted.
func transactions(ctx context.Context, bootstrap, from, to, name string, count int) error {
	session, err := kgo.NewGroupTransactSession(
		kgo.SeedBrokers(strings.Split(bootstrap, ",")...), kgo.TransactionalID(name+"-copy"), kgo.ConsumerGroup(name),
		kgo.ConsumeTopics(from), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DefaultProduceTopic(to),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.RequireStableFetchOffsets(), kgo.FetchMaxPartitionBytes(2000),
	)
	if err != nil {
		return err
	}
	defer session.Close()
	for copied, round := 0, 0; copied < count; round++ {
		fetches := session.PollRecords(ctx, 50)
		if ctx.Err() != nil {
			return fmt.Errorf("%d of %d records in time", copied, count)
		}
		for _, e := range fetches.Errors() {
			return e.Err
		}
		if err := session.Begin(); err != nil {
			return err
		}
		batch := fetches.Records()
		for _, r := range batch {
			session.Produce(ctx, &kgo.Record{Key: r.Key, Value: r.Value}, nil)
		}
		committed, err := session.End(ctx, kgo.TransactionEndTry(round%3 != 2))
		if err != nil {
			return err
		}
		if committed {
			copied += len(batch)
		}
		fmt.Printf("%d %v\n", len(batch), committed)
	}
	return nil
}
