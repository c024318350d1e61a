package archive

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"github.com/eventgateway/eventgateway"
)

// S3 is a bucket in AWS S3 or in a store that speaks its protocol. Placeholders are expanded in all fields.
type S3 struct {
	// The bucket. Required.
	Bucket string `json:"bucket,omitempty"`

	// The region. Default: the one of the server's AWS configuration; with an endpoint, "us-east-1" if that names none.
	Region string `json:"region,omitempty"`

	// The http or https URL of a store other than AWS. Default: that of AWS in the region.
	Endpoint string `json:"endpoint,omitempty"`

	// Whether the bucket is the first part of the path rather than of the host name. Default: false.
	PathStyle bool `json:"path_style,omitempty"`

	// The ID of the access key. Default: the server's own credentials, by the rules of the AWS SDKs.
	AccessKeyID string `json:"access_key_id,omitempty"`

	// The access key itself; with access_key_id only.
	SecretAccessKey Secret `json:"secret_access_key,omitempty"`

	// The token of temporary credentials; with access_key_id only.
	SessionToken Secret `json:"session_token,omitempty"`
}

// Secret is a credential. It shows itself in the configuration only: neither in logs nor in formatted text.
type Secret string

// String returns a mask.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "***"
}

// GoString returns a mask.
func (s Secret) GoString() string { return fmt.Sprintf("%q", s.String()) }

// LogValue implements slog.LogValuer.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// bucket is a store.
type bucket struct {
	client *s3.Client
	name   string
}

// open returns the bucket. It reads the server's AWS configuration where that is needed, but asks no server.
func (c *S3) open(ctx context.Context) (*bucket, error) {
	var cfg aws.Config
	if c.AccessKeyID != "" {
		cfg.Credentials = credentials.NewStaticCredentialsProvider(c.AccessKeyID, string(c.SecretAccessKey), string(c.SessionToken))
	}
	if c.AccessKeyID == "" || c.Region == "" {
		found, err := config.LoadDefaultConfig(ctx)
		if err != nil {
			return nil, eventgateway.Errorf(eventgateway.Invalid, "s3: the server's AWS configuration cannot be read: %w", err)
		}
		if cfg.Region = found.Region; cfg.Credentials == nil {
			cfg.Credentials = found.Credentials
		}
	}
	cfg.Region = orDefault(c.Region, cfg.Region)
	if cfg.Region == "" && c.Endpoint != "" {
		cfg.Region = "us-east-1"
	}
	if cfg.Region == "" {
		return nil, eventgateway.Errorf(eventgateway.Invalid, "s3.region: missing: want a region such as eu-central-1, here or in the "+
			"server's AWS configuration")
	}
	options := s3.Options{
		Region: cfg.Region, Credentials: cfg.Credentials, UsePathStyle: c.PathStyle,
		Retryer: aws.NopRetryer{}, // the sender tries again
		// Not every store knows the checksums that AWS has added; the signature covers the content anyway.
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired,
		HTTPClient: awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
			t.ResponseHeaderTimeout = time.Minute
		}),
	}
	if c.Endpoint != "" {
		options.BaseEndpoint = &c.Endpoint
	}
	return &bucket{client: s3.New(options), name: c.Bucket}, nil
}

// put implements store.
func (b *bucket) put(ctx context.Context, key string, body *os.File, size int64) error {
	contentType := map[string]string{
		CompressionGzip: "application/gzip", CompressionZstd: "application/zstd", CompressionNone: "application/x-ndjson",
	}
	compression, _ := compressionOf(key)
	_, err := b.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &b.name, Key: &key, Body: body, ContentLength: &size, ContentType: aws.String(contentType[compression]),
	})
	if err != nil {
		return explain(err)
	}
	return nil
}

// explain says why a request failed, without what a server or a chain of credentials may have put in its text.
func explain(err error) error {
	var (
		response    *awshttp.ResponseError
		api         smithy.APIError
		timeout     net.Error
		network     *net.OpError
		certificate *tls.CertificateVerificationError
	)
	switch {
	case strings.Contains(err.Error(), "get identity"):
		return errors.New("no AWS credentials")
	case errors.As(err, &response) && response.HTTPStatusCode() != 0:
		if errors.As(err, &api) && isCode(api.ErrorCode()) {
			return fmt.Errorf("the store answered %d %s", response.HTTPStatusCode(), api.ErrorCode())
		}
		return fmt.Errorf("the store answered %d", response.HTTPStatusCode())
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return errors.New("the store did not answer in time")
	case errors.As(err, &network):
		return fmt.Errorf("the store cannot be reached: %w", network)
	case errors.As(err, &certificate):
		return fmt.Errorf("the store cannot be trusted: %w", certificate)
	default:
		return errors.New("the store cannot be reached")
	}
}

// isCode reports whether a text from a server is no more than the code of an error.
func isCode(code string) bool {
	return code != "" && len(code) <= 64 && !strings.ContainsFunc(code, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && r != '.' && r != '_'
	})
}
