package caddymodule

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventgateway/eventgateway/plugins/archive"
)

// What the archive plugins of the app in force have done since it started. A reload begins anew, as a restart does.
var (
	archiveLinesDesc   = archiveDesc("lines_total", "Events written to files of the archive.")
	archiveBytesDesc   = archiveDesc("bytes_total", "Their size before compression, in bytes.")
	archiveLostDesc    = archiveDesc("lost_total", "Events that did not wait for the archive and could not be written.")
	archiveRefusedDesc = archiveDesc("refused_total", "Events that waited for the archive and were refused.")
	archiveFilesDesc   = archiveDesc("files_total", "Files completed.")
	archiveFailedDesc  = archiveDesc("failures_total", "How often a file could not be made, written, completed or uploaded.")
	archiveUploadsDesc = archiveDesc("uploads_total", "Files uploaded.")
	archiveDroppedDesc = archiveDesc("dropped_files_total", "Files dropped before they were uploaded, because too much waited.")
	archiveWaitingDesc = archiveDesc("waiting_bytes", "What waits to be uploaded, in bytes.")
)

func archiveDesc(name, help string) *prometheus.Desc {
	return prometheus.NewDesc("eventgateway_archive_"+name, help, []string{"plugin"}, nil)
}

func describeArchives(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		archiveLinesDesc, archiveBytesDesc, archiveLostDesc, archiveRefusedDesc, archiveFilesDesc, archiveFailedDesc,
		archiveUploadsDesc, archiveDroppedDesc, archiveWaitingDesc,
	} {
		ch <- d
	}
}

// collectArchives adds up archives of one name, as the metrics of their reactions are.
func collectArchives(ch chan<- prometheus.Metric, app *App) {
	sums := map[string]map[*prometheus.Desc]float64{}
	for _, named := range app.pluginList {
		a, ok := named.Plugin.(*archive.Archive)
		if !ok {
			continue
		}
		sum := sums[named.Name]
		if sum == nil {
			sum = map[*prometheus.Desc]float64{}
			sums[named.Name] = sum
		}
		s := a.Status()
		sum[archiveLinesDesc] += float64(s.Lines)
		sum[archiveBytesDesc] += float64(s.Bytes)
		sum[archiveLostDesc] += float64(s.Lost)
		sum[archiveRefusedDesc] += float64(s.Refused)
		sum[archiveFilesDesc] += float64(s.Files)
		sum[archiveFailedDesc] += float64(s.Failures + s.UploadFailures)
		sum[archiveUploadsDesc] += float64(s.Uploads - s.UploadFailures)
		sum[archiveDroppedDesc] += float64(s.DroppedFiles)
		sum[archiveWaitingDesc] += float64(s.WaitingBytes)
	}
	for name, sum := range sums {
		for desc, value := range sum {
			kind := prometheus.CounterValue
			if desc == archiveWaitingDesc {
				kind = prometheus.GaugeValue
			}
			ch <- prometheus.MustNewConstMetric(desc, kind, value, name)
		}
	}
}
