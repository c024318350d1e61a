package queuetest_test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway/delivery"
	"github.com/eventgateway/eventgateway/delivery/queuetest"
)

func runSuite(t *testing.T, volatile bool) {
	queuetest.Run(t, func(t *testing.T) queuetest.Harness {
		h := queuetest.Harness{
			Name:    "suspect",
			Backend: func() delivery.Backend { return &suspect{Volatile: volatile} },
			Bounded: func(age time.Duration, bytes int64) delivery.Backend {
				return &suspect{Age: age, Bytes: bytes, Volatile: volatile}
			},
			Durable:  !volatile,
			TooLarge: suspectLargest,
		}
		if fault != "" { // what does not come need not be waited for
			h.Patience = time.Second
		}
		return h
	})
}

// TestSuspect runs the suite on the suspect, TestVolatileSuspect on one that keeps nothing.
func TestSuspect(t *testing.T)         { runSuite(t, false) }
func TestVolatileSuspect(t *testing.T) { runSuite(t, true) }

// faults says for every test of the suite which fault it finds; more than one are separated by a semicolon.
var faults = map[string]string{
	"TestSuspect/Backend/module":                                  "is not registered",
	"TestSuspect/Backend/validates":                               "refuses every configuration",
	"TestSuspect/Backend/identity":                                "is another queue with other bounds",
	"TestSuspect/Backend/hands over nothing before it is started": "begins with what is new",
	"TestSuspect/Backend/reconfigured":                            "ignores new settings",
	"TestSuspect/Append/hands over what it is given":              "makes texts of extensions; gives no sizes",
	"TestSuspect/Append/one event of many deliveries":             "keeps the first hundred deliveries",
	"TestSuspect/Append/receives or releases all":                 "releases nothing",
	"TestSuspect/Append/several events together":                  "takes events of one ID for one; hands over everything twice",
	"TestSuspect/Append/in order":                                 "turns records around; gives all records one number",
	"TestSuspect/Append/refused as a whole":                       "keeps what comes before the large one",
	"TestSuspect/Append/given up as a whole":                      "stops in the middle",
	"TestSuspect/Append/concurrently":                             "loses what comes at the same time",
	"TestSuspect/Finish/forgets":                                  "keeps what is finished",
	"TestSuspect/Finish/twice":                                    "counts what is finished again",
	"TestSuspect/Finish/while it is handed over":                  "hands over with its lock held",
	"TestSuspect/Finish/after the log was closed":                 "waits to finish once it is closed",
	"TestSuspect/Rewrite/takes the place of a record":             "keeps what was rewritten",
	"TestSuspect/Rewrite/finished":                                "does not finish what was rewritten",
	"TestSuspect/Rewrite/again and again":                         "rewrites a record only once",
	"TestSuspect/Rewrite/beside everything else":                  "hands over what was rewritten",
	"TestSuspect/Load/reads back":                                 "loads only the first event",
	"TestSuspect/Load/what was rewritten":                         "loads what was there before",
	"TestSuspect/Reopen/an empty queue":                           "never catches up",
	"TestSuspect/Reopen/what is left comes first":                 "catches up too early",
	"TestSuspect/Reopen/whole":                                    "rounds times when it is opened",
	"TestSuspect/Reopen/a long backlog":                           "loses every hundredth record when it is opened",
	"TestSuspect/Close/accepts nothing more":                      "accepts what it loses once it is closed",
	"TestSuspect/Close/without having been started":               "waits for its start to close",
	"TestSuspect/Close/when there is no time":                     "hangs when there is no time",
	"TestSuspect/Close/while events are appended":                 "says that it is full once it is closed",
	"TestSuspect/Status/counts":                                   "counts no bytes",
	"TestSuspect/Status/when it is closed":                        "is ready for ever",
	"TestSuspect/DeadLetters/whole":                               "drops ordering keys",
	"TestSuspect/DeadLetters/ids":                                 "gives IDs that do not sort",
	"TestSuspect/DeadLetters/query":                               "ignores reasons",
	"TestSuspect/DeadLetters/pages":                               "says that there are always more",
	"TestSuspect/DeadLetters/other spaces":                        "shows all spaces",
	"TestSuspect/DeadLetters/unknown ids":                         "fails for unknown IDs",
	"TestSuspect/DeadLetters/deleted":                             "deletes what is not there",
	"TestSuspect/DeadLetters/kept as they were":                   "keeps what it was given",
	"TestSuspect/DeadLetters/concurrently":                        "gives one ID to two that come at the same time",
	"TestSuspect/DeadLetters/reopened":                            "forgets dead letters",
	"TestSuspect/DeadLetterBounds/by bytes":                       "keeps any number of dead letters",
	"TestSuspect/DeadLetterBounds/by age":                         "keeps dead letters for ever",
	"TestSuspect/DeadLetterBounds/too large":                      "makes room for everything",
	"TestVolatileSuspect/Rewrite/not supported":                   "says that it rewrites",
	"TestVolatileSuspect/Load/not supported":                      "loads what it cannot",
	"TestVolatileSuspect/Reopen/nothing is left":                  "remembers what it should not",
	"TestVolatileSuspect/DeadLetters/not kept":                    "starts from one",
}

// runTest runs one test, with its subtests, in a process of its own where the suspect has that fault.
func runTest(t *testing.T, test, fault string) (output string, err error) {
	parts := strings.Split(strings.ReplaceAll(test, " ", "_"), "/")
	for i := range parts {
		parts[i] = "^" + regexp.QuoteMeta(parts[i]) + "$"
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.v", "-test.run="+strings.Join(parts, "/"))
	cmd.Env = append(os.Environ(), "SUSPECT_FAULT="+fault)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// TestSuiteFindsFaults gives the suspect one fault after the other, and wants the test to fail that is there to find it.
func TestSuiteFindsFaults(t *testing.T) {
	if fault != "" {
		t.Skip("runs the others")
	}
	for test, list := range faults {
		for fault := range strings.SplitSeq(list, "; ") {
			t.Run(test+"/"+fault, func(t *testing.T) {
				t.Parallel()
				out, err := runTest(t, test, fault)
				if err == nil {
					t.Fatalf("it passes although the queue %s", fault)
				}
				if !strings.Contains(out, "--- FAIL: "+strings.ReplaceAll(test, " ", "_")+" ") {
					t.Errorf("something else fails:\n%s", out)
				}
			})
		}
	}
}

// TestSuiteIsCovered wants a fault for every test of the suite.
func TestSuiteIsCovered(t *testing.T) {
	if fault != "" {
		t.Skip("runs the others")
	}
	passed := regexp.MustCompile(`--- PASS: (Test\w+/\w+/\S+) `)
	found := map[string]bool{}
	for test := range faults {
		found[strings.ReplaceAll(test, " ", "_")] = true
	}
	for _, suite := range []string{"TestSuspect", "TestVolatileSuspect"} {
		out, err := runTest(t, suite, "")
		if err != nil {
			t.Fatalf("%s:\n%s", suite, out)
		}
		all := passed.FindAllStringSubmatch(out, -1)
		if len(all) == 0 {
			t.Fatalf("%s has no tests", suite)
		}
		for _, match := range all {
			test := match[1]
			if !found[test] && !found[strings.Replace(test, "TestVolatileSuspect/", "TestSuspect/", 1)] {
				t.Errorf("no fault is known that %s finds", test)
			}
		}
	}
}
