// A real mail server for the server's tests. Prints its port, then each mail as one line of JSON. It refuses the first mail to
// "later@", and takes the password "right" from whoever logs in.
import { SMTPServer } from 'smtp-server';

let refused = false;
const server = new SMTPServer({
  authOptional: true,
  allowInsecureAuth: true,
  hideSTARTTLS: true,
  onAuth: (auth, session, done) => (auth.password === 'right' ? done(null, { user: auth.username }) : done(new Error('wrong password'))),
  onRcptTo: (address, session, done) => {
    if (address.address.startsWith('later@') && !refused) {
      refused = true;
      done(Object.assign(new Error('try again later'), { responseCode: 450 }));
    } else {
      done();
    }
  },
  onData: (stream, session, done) => {
    const parts = [];
    stream.on('data', (part) => parts.push(part));
    stream.on('end', () => {
      const { mailFrom, rcptTo } = session.envelope;
      console.log(JSON.stringify({ from: mailFrom.address, to: rcptTo.map((r) => r.address), user: session.user ?? null, text: Buffer.concat(parts).toString() }));
      done();
    });
  },
});
server.on('error', () => {});
server.listen(0, '127.0.0.1', () => console.log(server.server.address().port));
process.stdin.resume().on('end', () => process.exit());
