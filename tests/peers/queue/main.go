// Measures the work queues that Go controllers use, for the benchmark to compare ours with: client-go's rate limiting queue
// and controller-runtime's priority queue.
//
// It reads lines `QUEUE KEYS` and answers each with a line of JSON: nanoseconds of CPU time a key for adding it, taking it and
// giving it back, and bytes of heap a key while it waits.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"syscall"

	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
)

// What a multi-cluster controller puts into its queue.
type key struct {
	Workspace, Name string
}

// Both queues, as a controller's workers use them.
type queue interface {
	Add(key)
	Get() (key, bool)
	Forget(key)
	Done(key)
	Len() int
	ShutDown()
}

type answer struct {
	Nanoseconds float64 `json:"nanoseconds"`
	Bytes       float64 `json:"bytes"`
}

func main() {
	// Garbage is collected in the background by other threads; its time counts all the same.
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var kind string
		var keys int
		if _, err := fmt.Sscanf(lines.Text(), "%s %d", &kind, &keys); err != nil {
			fail(err)
		}
		result, err := measure(kind, keys)
		if err != nil {
			fail(err)
		}
		if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
			fail(err)
		}
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func makeQueue(kind string) (queue, error) {
	limiter := workqueue.DefaultTypedControllerRateLimiter[key]()
	switch kind {
	case "client-go":
		config := workqueue.TypedRateLimitingQueueConfig[key]{Name: "peer"}
		return workqueue.NewTypedRateLimitingQueueWithConfig(limiter, config), nil
	case "controller-runtime":
		return priorityqueue.New("peer", func(o *priorityqueue.Opts[key]) { o.RateLimiter = limiter }), nil
	}
	return nil, fmt.Errorf("there is no queue %q", kind)
}

func measure(kind string, count int) (answer, error) {
	keys := make([]key, count)
	for i := range keys {
		keys[i] = key{Workspace: fmt.Sprintf("workspace-%d", i%100), Name: fmt.Sprintf("target-%d", i)}
	}
	// The first run is for the bytes: a collection before and after it would count as time.
	q, err := makeQueue(kind)
	if err != nil {
		return answer{}, err
	}
	before := heap()
	for _, k := range keys {
		q.Add(k)
	}
	wait(q, count)
	bytes := float64(heap()-before) / float64(count)
	drain(q, count)
	q.ShutDown()

	best := 0.0
	for round := 0; round < 3; round++ {
		if q, err = makeQueue(kind); err != nil {
			return answer{}, err
		}
		runtime.GC()
		begin := cpu()
		for _, k := range keys {
			q.Add(k)
		}
		drain(q, count)
		if took := float64(cpu()-begin) / float64(count); round == 0 || took < best {
			best = took
		}
		q.ShutDown()
	}
	runtime.KeepAlive(keys)
	return answer{Nanoseconds: best, Bytes: bytes}, nil
}

// The priority queue takes keys in from a goroutine of its own.
func wait(q queue, count int) {
	for q.Len() < count {
		runtime.Gosched()
	}
}

func drain(q queue, count int) {
	for range count {
		k, _ := q.Get()
		q.Forget(k)
		q.Done(k)
	}
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// CPU time of the whole process, in nanoseconds.
func cpu() int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		fail(err)
	}
	return usage.Utime.Nano() + usage.Stime.Nano()
}
