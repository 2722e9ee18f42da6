// Failures with a name of the workflow language. A function may throw them, too.

class Named extends Error {
  constructor(message, options) {
    super(message, options);
    this.name = new.target.name;
  }
}

// The task is over: the run was cancelled, its time is over, an input was withdrawn.
export class Cancelled extends Named {}
export class InvalidInput extends Named {}
export class InvalidOutput extends Named {}
export class TooLarge extends Named {}
export class LoadError extends Named {}
// The node sent what it may not send: the worker ends.
export class ProtocolError extends Named {}

export const isOurs = (error) => error instanceof Named;
