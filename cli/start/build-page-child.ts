// Builds the dashboard into the folder of its first argument, and ends. Dies with its parent.
import { buildDashboard } from '../../dashboards/build.ts';

process.on('disconnect', () => process.exit(1));
await buildDashboard({ outDir: process.argv[2] ?? 'dist/dashboard' });
process.exit(0);
