package jetstream

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"

	"github.com/eventgateway/eventgateway/delivery"
)

// A record in the log is
//
//	version (1 byte) | term (8 bytes) | number (uvarint) | works
//
// where works are CBOR data items one after the other, so that what was encoded by several goroutines becomes one record
// without being encoded again. Term and number tell who wrote it; see origin.
//
// Maps have integer keys. A key that is not known is ignored, so that a version that adds one can be gone back from; a
// change that older versions cannot ignore takes a new version byte.
const recordVersion = 1

const recordHeader = 1 + 8 + binary.MaxVarintLen64

var errVersion = errors.New("it was written by a later version of the gateway")

var encoder, decoder = codecModes()

func codecModes() (cbor.UserBufferEncMode, cbor.DecMode) {
	enc, err := cbor.EncOptions{}.UserBufferEncMode()
	if err != nil {
		panic(err) // the options are constants
	}
	dec, err := cbor.DecOptions{
		// Header values and paths need not be UTF-8.
		UTF8:             cbor.UTF8DecodeInvalid,
		IntDec:           cbor.IntDecConvertSignedOrFail,
		MaxArrayElements: 1 << 24,
		MaxMapPairs:      1 << 24,
	}.DecMode()
	if err != nil {
		panic(err)
	}
	return enc, dec
}

// origin tells who wrote a record: the term of the partition that did, and the number of the write within it. The term is
// 0 for a record that was written by an instance that does not work on the partition.
type origin struct {
	term, number uint64
}

func appendRecordHeader(buf []byte, o origin) []byte {
	buf = append(buf, recordVersion)
	buf = binary.BigEndian.AppendUint64(buf, o.term)
	return binary.AppendUvarint(buf, o.number)
}

// readRecordHeader returns who wrote a record, and the encoded works.
func readRecordHeader(data []byte) (o origin, works []byte, err error) {
	if len(data) == 0 {
		return o, nil, errors.New("it is empty")
	}
	if data[0] != recordVersion {
		return o, nil, fmt.Errorf("%w: format %d", errVersion, data[0])
	}
	if len(data) < 9 {
		return o, nil, errors.New("it is cut off")
	}
	o.term = binary.BigEndian.Uint64(data[1:9])
	number, n := binary.Uvarint(data[9:])
	if n <= 0 {
		return o, nil, errors.New("it is cut off")
	}
	o.number = number
	return o, data[9+n:], nil
}

// decodeWorks decodes what follows a record's header.
func decodeWorks(data []byte) ([]*delivery.Work, error) {
	var works []*delivery.Work
	for len(data) > 0 {
		var wire wireWork
		rest, err := decoder.UnmarshalFirst(data, &wire)
		if err != nil {
			return nil, codecError(err)
		}
		work, err := wire.work()
		if err != nil {
			return nil, err
		}
		works = append(works, work)
		data = rest
	}
	return works, nil
}

// codecError leaves out of an error whatever may quote the data.
func codecError(err error) error {
	var syntax *cbor.SyntaxError
	var kind *cbor.UnmarshalTypeError
	switch {
	case errors.As(err, &kind):
		return fmt.Errorf("a %s stands where the field %s is", kind.CBORType, kind.StructFieldName)
	case errors.As(err, &syntax):
		return errors.New("it is not well-formed")
	default:
		return errors.New("it cannot be decoded")
	}
}
