// A worker in plain Go: JSON lines in on stdin and out on stdout, nothing else on stdout.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"log"
	"math"
	"math/rand"
	"os"
	"os/signal"
	"runtime"
	"sort"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode/utf8"
)

type object = map[string]any

// refusal is what the caller reads in `error.details`. Handlers panic with it.
type refusal struct{ kind, message string }

func check(isGood bool, message string) {
	if !isGood {
		panic(refusal{"INVALID_ARGUMENT", message})
	}
}

func orDefault(args object, name string, value float64) any {
	if given, ok := args[name]; ok {
		return given
	}
	return value
}

func isInteger(value any, least float64) bool {
	number, ok := value.(float64)
	return ok && number == math.Trunc(number) && number >= least && math.Abs(number) < 1<<53
}

func compute(args object, _ *call) any {
	op, _ := args["op"].(string)
	a, hasA := args["a"].(float64)
	b, hasB := args["b"].(float64)
	known := map[string]float64{"add": a + b, "subtract": a - b, "multiply": a * b, "divide": a / b, "sqrt": math.Sqrt(a)}
	result, ok := known[op]
	check(ok, "there is no op "+op)
	check(hasA && (op == "sqrt" || hasB), op+" needs numbers")
	if op == "divide" && b == 0 {
		panic(refusal{"DIVISION_BY_ZERO", fmt.Sprintf("cannot divide %v by zero", a)})
	}
	if op == "sqrt" && a < 0 {
		panic(refusal{"NEGATIVE_ROOT", fmt.Sprintf("%v has no real square root", a)})
	}
	if math.IsInf(result, 0) {
		panic(refusal{"OUT_OF_RANGE", "the result of " + op + " is too large"})
	}
	return result
}

func random(args object, _ *call) any {
	min, isMin := orDefault(args, "min", 0).(float64)
	max, isMax := orDefault(args, "max", 1).(float64)
	check(isMin && isMax && min < max && !math.IsInf(max-min, 0), "min and max must be numbers, min below max")
	count := orDefault(args, "count", 1)
	check(isInteger(count, 0) && count.(float64) <= 100000, "count must be an integer from 0 to 100000")
	numbers := make([]float64, int(count.(float64)))
	for i := range numbers {
		numbers[i] = min + rand.Float64()*(max-min)
	}
	return numbers
}

func statistics(values []float64) map[string]float64 {
	sorted := append([]float64{}, values...)
	sort.Float64s(sorted)
	count, sum, squares, deviation := len(values), 0.0, 0.0, 0.0
	for _, value := range values {
		sum += value
	}
	mean := sum / float64(count)
	for _, value := range values {
		squares += (value - mean) * (value - mean)
	}
	if math.IsInf(squares, 0) || math.IsNaN(squares) {
		panic(refusal{"OUT_OF_RANGE", "the values are too large"})
	}
	if count > 1 {
		deviation = math.Sqrt(squares / float64(count-1))
	}
	median := (sorted[(count-1)/2] + sorted[count/2]) / 2
	return map[string]float64{"count": float64(count), "sum": sum, "mean": mean, "median": median,
		"stddev": deviation, "min": sorted[0], "max": sorted[count-1]}
}

// column is the values that the rows have under a name; nil where a row is no object.
func column(rows []any, name string) []any {
	values := make([]any, len(rows))
	for i, row := range rows {
		if fields, ok := row.(object); ok {
			values[i] = fields[name]
		}
	}
	return values
}

func numbers(values []any) (result []float64, areAll bool) {
	for _, value := range values {
		number, ok := value.(float64)
		if !ok {
			return nil, false
		}
		result = append(result, number)
	}
	return result, true
}

// processData takes `values`, or `rows` and a `column` for the numbers that the rows have in it.
func processData(args object, _ *call) any {
	values, _ := args["values"].([]any)
	if rows, ok := args["rows"].([]any); ok {
		name, _ := args["column"].(string)
		values = column(rows, name)
	}
	check(len(values) > 0, "values, or rows and a column, are missing")
	all, areNumbers := numbers(values)
	check(areNumbers, "every value must be a number")
	return statistics(all)
}

// show writes a number with two decimals, unless it is whole.
func show(value any) string {
	number, ok := value.(float64)
	switch {
	case value == nil:
		return ""
	case !ok:
		return fmt.Sprint(value)
	case number == math.Trunc(number):
		return fmt.Sprintf("%.0f", number)
	}
	return fmt.Sprintf("%.2f", math.Floor(number*100+0.5)/100)
}

func generateReport(args object, _ *call) any {
	title, _ := args["title"].(string)
	columns, isList := args["columns"].([]any)
	rows, isRows := args["rows"].([]any)
	check(title != "", "title must be a text")
	for _, name := range columns {
		isList = isList && name != "" && fmt.Sprintf("%T", name) == "string"
	}
	check(isList, "columns must be a list of names")
	for _, row := range rows {
		_, isObject := row.(object)
		isRows = isRows && isObject
	}
	check(isRows, "rows must be a list of objects")
	lines := []string{title, strings.Repeat("=", utf8.RuneCountInString(title))}
	for _, row := range rows {
		cells := []string{}
		for _, name := range columns {
			cells = append(cells, fmt.Sprintf("%v: %s", name, show(row.(object)[name.(string)])))
		}
		lines = append(lines, strings.Join(cells, ", "))
	}
	lines = append(lines, fmt.Sprintf("%d rows", len(rows)))
	for _, name := range columns {
		values, areNumbers := numbers(column(rows, name.(string)))
		if areNumbers && len(values) > 0 {
			s := statistics(values)
			lines = append(lines, fmt.Sprintf("%v: sum %s, mean %s, %s to %s", name, show(s["sum"]), show(s["mean"]), show(s["min"]), show(s["max"])))
		}
	}
	return strings.Join(lines, "\n")
}

// pingStream gives each pong, until it has given `count` or the caller has gone.
func pingStream(args object, c *call) any {
	count, pause := orDefault(args, "count", 10), orDefault(args, "interval_ms", 0)
	check(isInteger(count, 0) && isInteger(pause, 0), "count and interval_ms must be integers")
	chunks := []any{}
	for n := 1; n <= int(count.(float64)); n++ {
		chunk := object{"sequence": n, "message": fmt.Sprintf("pong %d", n)}
		if c.Stream {
			write(object{"request_id": c.RequestID, "chunk": chunk, "is_final": false})
		} else {
			chunks = append(chunks, chunk)
		}
		select {
		case <-c.cancelled:
			return chunks
		default:
		}
		if pause != 0.0 {
			select {
			case <-c.cancelled:
				return chunks
			case <-time.After(time.Duration(pause.(float64)) * time.Millisecond):
			}
		}
	}
	return chunks
}

func info(_ object, c *call) any {
	return object{"language": "Go", "version": runtime.Version(), "pid": os.Getpid(), "session_id": c.SessionID, "commands": names}
}

type call struct {
	Type      string
	RequestID string `json:"request_id"`
	Command   string
	Args      any
	SessionID *string `json:"session_id"`
	Stream    bool
	cancelled chan struct{}
}

var names = []string{"ping", "echo", "info", "compute", "random", "process_data", "generate_report", "ping_stream"}
var commands map[string]func(object, *call) any
var output sync.Mutex

func write(message any) {
	line, err := json.Marshal(message)
	if err != nil {
		log.Fatal(err)
	}
	output.Lock()
	defer output.Unlock()
	os.Stdout.Write(append(line, '\n'))
}

// answer runs one call. It answers exactly once, whatever the handler does.
func answer(c *call) {
	defer func() {
		switch failure := recover().(type) {
		case nil:
		case refusal:
			write(object{"request_id": c.RequestID, "success": false, "error": object{"type": failure.kind, "message": failure.message}})
		default:
			write(object{"request_id": c.RequestID, "success": false, "error": object{"type": "panic", "message": fmt.Sprint(failure)}})
		}
	}()
	if c.Command == "echo" {
		write(object{"request_id": c.RequestID, "success": true, "result": c.Args})
		return
	}
	run, ok := commands[c.Command]
	if !ok {
		panic(refusal{"UNKNOWN_COMMAND", "no command " + c.Command})
	}
	args, isObject := c.Args.(object)
	check(isObject, "the arguments must be an object")
	result := run(args, c)
	if c.Stream && c.Command == "ping_stream" {
		write(object{"request_id": c.RequestID, "is_final": true})
	} else {
		write(object{"request_id": c.RequestID, "success": true, "result": result})
	}
}

func main() {
	commands = map[string]func(object, *call) any{
		"ping": func(object, *call) any { return "pong" }, "info": info, "compute": compute, "random": random,
		"process_data": processData, "generate_report": generateReport, "ping_stream": pingStream,
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() { <-signals; os.Exit(0) }()
	rand.Seed(time.Now().UnixNano())
	write(object{"type": "ready", "pid": os.Getpid(), "worker_id": os.Getenv("SNAKEPIT_WORKER_ID"), "concurrency": 8, "commands": names})
	var running sync.Map
	input := bufio.NewReader(os.Stdin)
	for {
		line, err := input.ReadBytes('\n')
		if err != nil {
			os.Exit(0) // the host has hung up: whatever still runs has nobody to answer
		}
		c := &call{cancelled: make(chan struct{})}
		if err := json.Unmarshal(line, c); err != nil {
			log.Println("not a message:", err)
			continue
		}
		switch {
		case c.Type == "health_check":
			write(object{"type": "health_response", "request_id": c.RequestID})
		case c.Type == "cancel":
			if one, ok := running.LoadAndDelete(c.RequestID); ok {
				close(one.(*call).cancelled)
			}
		case c.Command != "":
			running.Store(c.RequestID, c)
			go func() { answer(c); running.Delete(c.RequestID) }()
		}
	}
}
