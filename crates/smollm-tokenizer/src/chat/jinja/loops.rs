//! The state of one running `for`, and the template's view of it as `loop`.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use super::args::Args;
use super::ast::For;
use super::fault::Fault;
use super::interp::{Interp, ScopeId};
use super::value::{Object, Value, depth_over};
use super::{containers, ops};

/// A loop that is under way (Jinja's `LoopContext`).
pub(super) struct LoopState {
    node: Arc<For>,
    /// The scope around the loop.
    scope: ScopeId,
    source: RefCell<Source>,
    /// The source holds only items that have passed the loop's `if` already.
    judged: Cell<bool>,
    /// How many items there are, where that is known without pulling them.
    length: Cell<Option<usize>>,
    /// Items pulled so far.
    index: Cell<usize>,
    before: RefCell<Option<Value>>,
    current: RefCell<Option<Value>>,
    /// The next item, if `loop` was asked about it; `Some(None)` at the end.
    after: RefCell<Option<Option<Value>>>,
    changed: RefCell<Option<Value>>,
    /// How many recursive calls are around this one.
    depth0: usize,
    depth_of_items: u16,
}

enum Source {
    Items(std::vec::IntoIter<Value>),
    /// Pulled item by item, as Python does: what the loop leaves stays in the generator.
    Generator(Rc<Object>),
}

impl LoopState {
    pub(super) fn depth_of_items(&self) -> u16 {
        self.depth_of_items
    }
}

impl Interp<'_> {
    /// A loop of `node` over `iterable`, before its first item.
    pub(super) fn start_loop(
        &mut self,
        node: &Arc<For>,
        scope: ScopeId,
        iterable: &Value,
        depth0: usize,
    ) -> Result<Rc<Object>, Fault> {
        let (source, length, depth_of_items) = match iterable {
            Value::Object(object) if matches!(**object, Object::Generator(_)) => {
                (Source::Generator(object.clone()), None, iterable.depth() + 1)
            }
            _ => {
                let items = containers::iterate(&self.budget, iterable)?;
                let depth = depth_over(items.iter())?;
                let length = node.test.is_none().then_some(items.len());
                (Source::Items(items.into_iter()), length, depth)
            }
        };
        Ok(Rc::new(Object::Loop(Box::new(LoopState {
            node: node.clone(),
            scope,
            source: RefCell::new(source),
            judged: Cell::new(node.test.is_none()),
            length: Cell::new(length),
            index: Cell::new(0),
            before: RefCell::default(),
            current: RefCell::default(),
            after: RefCell::default(),
            changed: RefCell::default(),
            depth0,
            depth_of_items,
        }))))
    }

    /// The next item that passes the loop's `if`.
    fn pull(&mut self, state: &LoopState) -> Result<Option<Value>, Fault> {
        loop {
            self.budget.step()?;
            let item = match &mut *state.source.borrow_mut() {
                Source::Items(items) => items.next(),
                Source::Generator(object) => match &**object {
                    Object::Generator(generator) => generator.next()?,
                    _ => None,
                },
            };
            let test = state.node.test.as_ref().filter(|_| !state.judged.get());
            let (Some(item), Some(test)) = (&item, test) else { return Ok(item) };
            let scope = self.enter_scope(state.scope, &[])?;
            self.assign(&state.node.target, item.clone(), scope)?;
            let passes = self.eval(test, scope)?.truth();
            self.leave_scope(scope);
            if passes {
                return Ok(Some(item.clone()));
            }
        }
    }

    /// Moves the loop on.
    pub(super) fn next_item(&mut self, state: &LoopState) -> Result<Option<Value>, Fault> {
        let peeked = state.after.borrow_mut().take();
        let item = match peeked {
            Some(item) => item,
            None => self.pull(state)?,
        };
        if let Some(item) = &item {
            state.index.set(state.index.get() + 1);
            *state.before.borrow_mut() = state.current.replace(Some(item.clone()));
        }
        Ok(item)
    }

    fn peek_item(&mut self, state: &LoopState) -> Result<Option<Value>, Fault> {
        if state.after.borrow().is_none() {
            let item = self.pull(state)?;
            *state.after.borrow_mut() = Some(item);
        }
        Ok(state.after.borrow().clone().flatten())
    }

    /// `len(loop)`: pulls everything that is left if that must be.
    fn loop_length(&mut self, state: &LoopState) -> Result<usize, Fault> {
        if let Some(length) = state.length.get() {
            return Ok(length);
        }
        let mut rest = Vec::new();
        while let Some(item) = self.pull(state)? {
            rest.push(item);
        }
        let peeked = usize::from(matches!(&*state.after.borrow(), Some(Some(_))));
        let length = rest.len() + state.index.get() + peeked;
        state.judged.set(true);
        *state.source.borrow_mut() = Source::Items(rest.into_iter());
        state.length.set(Some(length));
        Ok(length)
    }

    /// `loop.name`, or `None` where there is no such attribute.
    pub(super) fn loop_attribute(&mut self, of: &Rc<Object>, name: &str) -> Result<Option<Value>, Fault> {
        let Object::Loop(state) = &**of else { return Ok(None) };
        let index = state.index.get();
        let int = |value: usize| Value::Int(value as i128);
        Ok(Some(match name {
            "index" => int(index),
            "index0" => Value::Int(index as i128 - 1),
            "first" => Value::Bool(index == 1),
            "last" => Value::Bool(self.peek_item(state)?.is_none()),
            "length" => int(self.loop_length(state)?),
            "revindex" => Value::Int(self.loop_length(state)? as i128 - index as i128 + 1),
            "revindex0" => Value::Int(self.loop_length(state)? as i128 - index as i128),
            "depth" => int(state.depth0 + 1),
            "depth0" => int(state.depth0),
            "previtem" if index == 1 => Value::hint("there is no previous item"),
            "previtem" => state.before.borrow().clone().unwrap_or(Value::None),
            "nextitem" => self.peek_item(state)?.unwrap_or_else(|| Value::hint("there is no next item")),
            "cycle" => Value::object(Object::Method(Value::Object(of.clone()), "cycle")),
            "changed" => Value::object(Object::Method(Value::Object(of.clone()), "changed")),
            _ => return Ok(None),
        }))
    }

    /// `loop.cycle(…)` and `loop.changed(…)`.
    pub(super) fn loop_method(&mut self, state: &LoopState, name: &str, args: Args) -> Result<Value, Fault> {
        if !args.named.is_empty() {
            return Err(Fault::new(format!("loop.{name}() takes no keyword arguments")));
        }
        if name == "cycle" {
            let count = args.positional.len();
            if count == 0 {
                return Err(Fault::new("no items for cycling given"));
            }
            return Ok(args.positional[state.index.get().saturating_sub(1) % count].clone());
        }
        let given = Value::tuple(args.positional)?;
        let same = match &*state.changed.borrow() {
            Some(last) => ops::equal(&self.budget, last, &given)?,
            None => false,
        };
        *state.changed.borrow_mut() = Some(given);
        Ok(Value::Bool(!same))
    }

    /// `loop(items)` of a recursive loop: its body over `items`, as text.
    pub(super) fn recurse(&mut self, state: &LoopState, mut args: Args) -> Result<Value, Fault> {
        if !state.node.recursive {
            return Err(Fault::new("The loop must have the 'recursive' marker to be called recursively."));
        }
        if args.positional.len() != 1 || !args.named.is_empty() {
            return Err(Fault::new("loop() takes one argument"));
        }
        let items = args.positional.remove(0);
        let (node, scope, depth) = (state.node.clone(), state.scope, state.depth0 + 1);
        self.capture(|interp| interp.run_loop(&node, scope, &items, depth).map(|_| ()))
    }
}
