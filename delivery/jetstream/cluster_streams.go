package jetstream

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	// partitionsNote is where a stream of work keeps into how many partitions it is divided.
	partitionsNote = "event_gateway_partitions"
	// bucketBytes bounds the bucket of leases, which holds some hundred bytes for each instance and partition.
	bucketBytes = 16 << 20
	// clusterReplicas is on how many servers of a cluster a stream is kept unless the settings say otherwise.
	clusterReplicas = 3
)

// ensureStream creates a stream in a cluster or, if it stands, has it follow what may change. With no replicas given a
// new stream gets three in a cluster, and one on a server alone; one that stands keeps what it has.
func ensureStream(ctx context.Context, js jetstream.JetStream, want jetstream.StreamConfig) (jetstream.Stream, error) {
	stream, err := js.Stream(ctx, want.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		stream, err = withReplicas(want.Replicas, func(replicas int) (jetstream.Stream, error) {
			want.Replicas = replicas
			return js.CreateStream(ctx, want)
		})
		// Another instance may have been faster.
		if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
			stream, err = js.Stream(ctx, want.Name)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("the stream %s: %w", want.Name, err)
	}
	have := stream.CachedInfo().Config
	if have.Retention != want.Retention || have.Storage != want.Storage {
		return nil, fmt.Errorf("the stream %s was made by something else: it has other settings", want.Name)
	}
	next := have
	next.Subjects, next.Description, next.Discard = want.Subjects, want.Description, want.Discard
	next.MaxBytes, next.MaxAge, next.Duplicates = want.MaxBytes, want.MaxAge, want.Duplicates
	next.AllowDirect, next.AllowAtomicPublish = want.AllowDirect, want.AllowAtomicPublish
	if want.Replicas > 0 {
		next.Replicas = want.Replicas
	}
	if next.Metadata[partitionsNote] == "" {
		next.Metadata = maps.Clone(have.Metadata)
		for name, value := range want.Metadata {
			if next.Metadata == nil {
				next.Metadata = map[string]string{}
			}
			next.Metadata[name] = value
		}
	}
	if reflect.DeepEqual(have, next) {
		return stream, nil
	}
	if stream, err = js.UpdateStream(ctx, next); err != nil {
		return nil, fmt.Errorf("changing the stream %s: %w", want.Name, err)
	}
	return stream, nil
}

// withReplicas creates something with so many replicas; 0 stands for the most a cluster or a server alone takes.
func withReplicas[T any](replicas int, create func(replicas int) (T, error)) (T, error) {
	if replicas > 0 {
		return create(replicas)
	}
	made, err := create(clusterReplicas)
	var answer *jetstream.APIError
	if errors.As(err, &answer) && answer.ErrorCode == codeReplicasUnsupported {
		return create(1)
	}
	return made, err
}

// codeReplicasUnsupported is the answer of a server that is not in a cluster.
const codeReplicasUnsupported = 10074

// checkPartitions reports whether a stream of work is divided into so many partitions.
func checkPartitions(stream jetstream.Stream, want int) error {
	info := stream.CachedInfo().Config
	have := info.Metadata[partitionsNote]
	if have == strconv.Itoa(want) {
		return nil
	}
	return fmt.Errorf("the stream %s is divided into %s partitions and cannot be changed: want partitions %s, not %d",
		info.Name, have, have, want)
}

// ensureBucket creates the bucket of leases if there is none.
func ensureBucket(ctx context.Context, js jetstream.JetStream, n names, replicas int) (jetstream.KeyValue, error) {
	kv, err := js.KeyValue(ctx, n.bucket())
	if !errors.Is(err, jetstream.ErrBucketNotFound) {
		if err != nil {
			err = fmt.Errorf("the bucket %s: %w", n.bucket(), err)
		}
		return kv, err
	}
	kv, err = withReplicas(replicas, func(replicas int) (jetstream.KeyValue, error) {
		return js.CreateKeyValue(ctx, jetstream.KeyValueConfig{
			Bucket:         n.bucket(),
			Description:    "Event Gateway: which instance delivers which events",
			Storage:        jetstream.FileStorage,
			MaxBytes:       bucketBytes,
			Replicas:       replicas,
			LimitMarkerTTL: markerTTL,
		})
	})
	if errors.Is(err, jetstream.ErrBucketExists) {
		return js.KeyValue(ctx, n.bucket())
	}
	if err != nil {
		return nil, fmt.Errorf("creating the bucket %s: %w", n.bucket(), err)
	}
	return kv, nil
}

// bucket is where the instances of a cluster agree on who works on which partition.
func (n names) bucket() string { return n.base + "_leases" }

// versionAtLeast reports whether a server's version is major.minor or later. A version that cannot be read is taken for
// a late one.
func versionAtLeast(version string, major, minor int) bool {
	parts := strings.SplitN(strings.TrimPrefix(version, "v"), ".", 3)
	if len(parts) < 2 {
		return true
	}
	x, err := strconv.Atoi(parts[0])
	y, err2 := strconv.Atoi(parts[1])
	if err != nil || err2 != nil {
		return true
	}
	return x > major || x == major && y >= minor
}
