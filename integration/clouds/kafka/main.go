// Command kafka is a cluster of one broker in memory that speaks the protocol of Apache Kafka, for tests. It has the topics that
// its arguments name; it says on the first line of its output where it listens, and ends with its input. A record for a topic
// called "hanging" is not answered, one for "breaking" ends the connection; records may have half a megabyte.
package main

import (
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func main() {
	var (
		mechanism   = flag.String("mechanism", "", "the SASL mechanism; without one everybody may everything")
		certificate = flag.String("certificate", "", "a file with a certificate, which turns on TLS")
		key         = flag.String("key", "", "a file with its private key")
		partitions  = flag.Int("partitions", 1, "how many partitions each topic has")
	)
	flag.Parse()
	options := []kfake.Opt{
		kfake.NumBrokers(1), kfake.SeedTopics(int32(*partitions), flag.Args()...),
		kfake.BrokerConfigs(map[string]string{"message.max.bytes": "500000"}),
	}
	if *mechanism != "" {
		options = append(options, users(*mechanism)...)
	}
	if *certificate != "" {
		pair, err := tls.LoadX509KeyPair(*certificate, *key)
		if err != nil {
			log.Fatal(err)
		}
		options = append(options, kfake.TLS(&tls.Config{Certificates: []tls.Certificate{pair}}))
	}
	cluster, err := kfake.NewCluster(options...)
	if err != nil {
		log.Fatal(err)
	}
	misbehave(cluster, flag.Args())
	fmt.Println(cluster.ListenAddrs()[0])
	_, _ = io.Copy(io.Discard, os.Stdin)
	cluster.Close()
}

// users are "reader", who may everything; "writer", who may write to the topic "orders"; and "nobody", who may nothing. Their
// passwords are their names, with "-s3cret" behind.
func users(mechanism string) []kfake.Opt {
	may := func(operation kmsg.ACLOperation) kfake.ACL {
		return kfake.ACL{
			Resource: kmsg.ACLResourceTypeTopic, Name: "orders", Pattern: kmsg.ACLResourcePatternTypeLiteral,
			Operation: operation, Allow: true,
		}
	}
	return []kfake.Opt{
		kfake.EnableSASL(), kfake.EnableACLs(),
		kfake.Superuser(mechanism, "reader", "reader-s3cret"),
		kfake.User(mechanism, "writer", "writer-s3cret", may(kmsg.ACLOperationDescribe), may(kmsg.ACLOperationWrite)),
		kfake.User(mechanism, "nobody", "nobody-s3cret"),
	}
}

// misbehave has the topics called "hanging" and "breaking" do so.
func misbehave(cluster *kfake.Cluster, topics []string) {
	names := make(map[[16]byte]string) // requests name topics by their id
	for _, topic := range topics {
		names[cluster.TopicInfo(topic).TopicID] = topic
	}
	cluster.ControlKey(int16(kmsg.Produce), func(request kmsg.Request) (kmsg.Response, error, bool) {
		for _, topic := range request.(*kmsg.ProduceRequest).Topics {
			switch names[topic.TopicID] {
			case "hanging":
				cluster.KeepControl()
				return nil, nil, true
			case "breaking":
				cluster.KeepControl()
				return nil, errors.New("told to"), true
			}
		}
		return nil, nil, false
	})
}
