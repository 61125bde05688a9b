// SPDX-License-Identifier: BSD-2-Clause
// Starts `pybpfdbg dap` for a session, or connects to one that runs; picks processes.
'use strict';
const fs = require('fs');
const vscode = require('vscode');
const { pythons } = require('./processes');

class Descriptors {
	createDebugAdapterDescriptor(session) {
		const config = session.configuration;
		if (config.socket)
			return new vscode.DebugAdapterNamedPipeServer(config.socket);
		if (config.server)
			return new vscode.DebugAdapterServer(config.server.port, config.server.host || '127.0.0.1');
		const settings = vscode.workspace.getConfiguration('pybpfdbg');
		const argv = [...settings.get('command', []), settings.get('path', 'pybpfdbg'), 'dap'];
		// who is root already needs no sudo, which may not even be there
		if (process.getuid() === 0 && argv[0] === 'sudo')
			argv.splice(0, settings.get('command', []).length);
		return new vscode.DebugAdapterExecutable(argv[0], argv.slice(1));
	}
}

class Configurations {
	provideDebugConfigurations() {
		return [{
			name: 'Python: attach with pybpfdbg', type: 'pybpfdbg', request: 'attach',
			processId: '${command:pickProcess}',
		}];
	}

	// F5 without a launch.json
	resolveDebugConfiguration(_folder, config) {
		return config.type || config.request || config.name ? config : this.provideDebugConfigurations()[0];
	}
}

async function pickProcess() {
	const items = pythons(fs).map(p => ({ label: p.name, description: String(p.pid), detail: p.command, pid: p.pid }));
	if (!items.length) {
		vscode.window.showErrorMessage('pybpfdbg: no Python process is running on this machine');
		return undefined;
	}
	const picked = await vscode.window.showQuickPick(items, {
		placeHolder: 'The Python process to attach to', matchOnDescription: true, matchOnDetail: true,
	});
	return picked && String(picked.pid);
}

exports.activate = context => {
	context.subscriptions.push(
		vscode.commands.registerCommand('pybpfdbg.pickProcess', pickProcess),
		vscode.debug.registerDebugAdapterDescriptorFactory('pybpfdbg', new Descriptors()),
		vscode.debug.registerDebugConfigurationProvider('pybpfdbg', new Configurations(),
			vscode.DebugConfigurationProviderTriggerKind.Initial),
		vscode.debug.registerDebugConfigurationProvider('pybpfdbg', new Configurations(),
			vscode.DebugConfigurationProviderTriggerKind.Dynamic));
};

exports.deactivate = () => {};
