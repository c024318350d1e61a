package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/eventgateway/eventgateway/plugins"
)

// pluginPatience bounds how long the plugins of a configuration take to start, and to stop.
const pluginPatience = 30 * time.Second

// loadPlugins makes the app's plugin guests. It starts nothing.
func (a *App) loadPlugins(ctx caddy.Context) error {
	if len(a.PluginsRaw) == 0 {
		return nil
	}
	modules, err := ctx.LoadModule(a, "PluginsRaw")
	if err != nil {
		return fmt.Errorf("plugins: %w", err)
	}
	for i, module := range modules.([]any) {
		plugin, ok := module.(plugins.Plugin)
		if !ok {
			return fmt.Errorf("plugins[%d]: module %T is not a plugin", i, module)
		}
		a.pluginList = append(a.pluginList, plugins.Named{Name: plugins.NameOf(plugin), Plugin: plugin})
	}
	a.plugins = plugins.NewHost(a.pluginList, metrics, a.logger)
	return nil
}

// startPlugins is called when the configuration starts, before any event can reach them through it.
func (a *App) startPlugins() error {
	if a.plugins == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), pluginPatience)
	defer cancel()
	if err := a.plugins.Start(ctx); err != nil {
		return err
	}
	a.pluginsRun.Store(true)
	return nil
}

// stopPlugins is called when nothing uses the configuration any more: before it returns if the process exits, else in the
// background.
func (a *App) stopPlugins() {
	if !a.pluginsRun.CompareAndSwap(true, false) {
		return
	}
	stop := func() {
		ctx, cancel := context.WithTimeout(context.Background(), pluginPatience)
		defer cancel()
		if err := a.plugins.Stop(ctx); err != nil && !errors.Is(err, context.Canceled) {
			a.logger.Error("stopping the plugins", "error", err)
		}
	}
	if caddy.Exiting() {
		stop()
	} else {
		go stop()
	}
}
