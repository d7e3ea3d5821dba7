/** The mount of big-directory.ts, in a process of its own whose memory can be looked at: `… ROOT MOUNTPOINT`. */
import { defaultMountOptions } from '../../mount/engine.ts'
import { kernelEngine } from '../../mount/kernel/engine.ts'

const [root = '', mountpoint = ''] = process.argv.slice(2)
const disk = { root, identity: null, readOnly: false, crossDevices: false, maxDescriptors: 0 }
const session = await kernelEngine.start(disk, mountpoint, defaultMountOptions)
process.on('message', (message) => {
  if (message === 'statistics') void session.statistics().then((statistics) => process.send?.(statistics))
  else void session.unmount(true).then(() => process.disconnect())
})
process.send?.('ready')
