//! Evaluates expressions.

use std::sync::Arc;

use super::args::Args;
use super::ast::{CallArgs, Expr, Literal, Postfix, PostfixKind};
use super::attributes::{attribute, subscript};
use super::fault::Fault;
use super::filters::Filter;
use super::interp::{Interp, ScopeId};
use super::repr::push_str;
use super::value::{Object, Value};
use super::{containers, globals, methods, ops};

impl Interp<'_> {
    pub(super) fn eval(&mut self, expr: &Expr, scope: ScopeId) -> Result<Value, Fault> {
        match expr {
            // The two most frequent ones need no level of their own.
            Expr::Literal(Literal::Str(text)) => Ok(Value::Str(text.clone())),
            Expr::Name(name) => {
                self.budget.step()?;
                Ok(self.variable(*name, scope))
            }
            _ => self.nested(|interp| interp.eval_compound(expr, scope)),
        }
    }

    fn eval_compound(&mut self, expr: &Expr, scope: ScopeId) -> Result<Value, Fault> {
        self.budget.step()?;
        match expr {
            Expr::Literal(literal) => Ok(Value::from(literal)),
            Expr::Name(name) => Ok(self.variable(*name, scope)),
            Expr::List(items) => Value::list(self.eval_all(items, scope)?),
            Expr::Tuple(items) => Value::tuple(self.eval_all(items, scope)?),
            Expr::Dict(pairs) => {
                let mut values = Vec::with_capacity(pairs.len());
                for (key, value) in pairs {
                    values.push((self.eval(key, scope)?, self.eval(value, scope)?));
                }
                containers::build_dict(&self.budget, values)
            }
            Expr::Postfix(base, steps) => {
                let mut value = self.eval(base, scope)?;
                for step in steps {
                    value = self.postfix(value, step, scope).map_err(|fault| fault.at(step.line))?;
                }
                Ok(value)
            }
            Expr::Arithmetic(first, rest) => {
                let mut value = self.eval(first, scope)?;
                for (operator, line, operand) in rest {
                    let operand = self.eval(operand, scope)?;
                    value = ops::arithmetic(&self.budget, *operator, &value, &operand).map_err(|f| f.at(*line))?;
                }
                Ok(value)
            }
            Expr::Concat(items) => {
                let values = self.eval_all(items, scope)?;
                let mut text = String::new();
                values.iter().try_for_each(|value| push_str(&self.budget, value, &mut text))?;
                Value::text(&self.budget, text)
            }
            Expr::Compare(first, rest) => {
                let mut left = self.eval(first, scope)?;
                for (comparison, line, operand) in rest {
                    let right = self.eval(operand, scope)?;
                    if !ops::compare(&self.budget, *comparison, &left, &right).map_err(|fault| fault.at(*line))? {
                        return Ok(Value::Bool(false));
                    }
                    left = right;
                }
                Ok(Value::Bool(true))
            }
            Expr::And(operands) => self.first_with_truth(operands, false, scope),
            Expr::Or(operands) => self.first_with_truth(operands, true, scope),
            Expr::Not(operand) => Ok(Value::Bool(!self.eval(operand, scope)?.truth())),
            Expr::Negate(line, operand) | Expr::Plus(line, operand) => {
                let value = self.eval(operand, scope)?;
                ops::sign(&value, matches!(expr, Expr::Negate(..))).map_err(|fault| fault.at(*line))
            }
            Expr::Conditional { line, test, then, otherwise } => {
                if self.eval(test, scope)?.truth() {
                    return self.eval(then, scope);
                }
                match otherwise {
                    Some(otherwise) => self.eval(otherwise, scope),
                    None => Ok(Value::hint(format!(
                        "the inline if-expression on line {line} evaluated to false and no else section was defined."
                    ))),
                }
            }
        }
    }

    fn eval_all(&mut self, items: &[Expr], scope: ScopeId) -> Result<Vec<Value>, Fault> {
        self.budget.values(items.len())?;
        items.iter().map(|item| self.eval(item, scope)).collect()
    }

    /// `and` and `or`: the first operand of that truth, else the last one.
    fn first_with_truth(&mut self, operands: &[Expr], truth: bool, scope: ScopeId) -> Result<Value, Fault> {
        let mut value = Value::None;
        for operand in operands {
            value = self.eval(operand, scope)?;
            if value.truth() == truth {
                break;
            }
        }
        Ok(value)
    }

    fn postfix(&mut self, value: Value, step: &Postfix, scope: ScopeId) -> Result<Value, Fault> {
        self.budget.step()?;
        match &step.kind {
            PostfixKind::Attribute(name) => self.attribute(&value, name),
            PostfixKind::Item(key) => {
                let key = self.eval(key, scope)?;
                match (&value, key.as_str()) {
                    (Value::Object(object), Some(name)) if matches!(**object, Object::Loop(_)) => {
                        self.attribute(&value, name)
                    }
                    _ => subscript(&self.budget, &value, &key),
                }
            }
            PostfixKind::Slice(start, stop, step) => {
                value.defined()?;
                let mut bounds = [None, None, None];
                for (bound, expr) in bounds.iter_mut().zip([start, stop, step]) {
                    *bound = expr.as_ref().map(|expr| self.eval(expr, scope)).transpose()?;
                }
                containers::slice(&self.budget, &value, bounds)
            }
            PostfixKind::Call(args) => {
                let args = self.eval_args(args, scope)?;
                self.call(&value, args)
            }
            PostfixKind::Filter(filter, args) => self.filter(value, filter, args, scope),
            PostfixKind::Test { test, args, negated } => {
                let args = self.eval_args(args, scope)?;
                match test {
                    Ok(test) => Ok(Value::Bool(test.holds(&self.budget, &value, args)? != *negated)),
                    Err(name) => Err(Fault::new(format!("no test named '{name}'"))),
                }
            }
        }
    }

    fn attribute(&mut self, value: &Value, name: &str) -> Result<Value, Fault> {
        if let Value::Object(object) = value
            && let Some(found) = self.loop_attribute(object, name)?
        {
            return Ok(found);
        }
        attribute(&self.budget, value, name)
    }

    pub(super) fn filter(
        &mut self,
        value: Value,
        filter: &Result<Filter, Arc<str>>,
        args: &CallArgs,
        scope: ScopeId,
    ) -> Result<Value, Fault> {
        let args = self.eval_args(args, scope)?;
        match filter {
            Ok(filter) => filter.apply(&self.budget, value, args),
            Err(name) => Err(Fault::new(format!("no filter named '{name}'"))),
        }
    }

    pub(super) fn eval_args(&mut self, args: &CallArgs, scope: ScopeId) -> Result<Args, Fault> {
        let mut positional = self.eval_all(&args.positional, scope)?;
        let mut named: Vec<(Arc<str>, Value)> = Vec::with_capacity(args.named.len());
        for (name, value) in &args.named {
            if named.iter().any(|(known, _)| known == name) {
                return Err(Fault::new(format!("keyword argument repeated: {name}")));
            }
            named.push((name.clone(), self.eval(value, scope)?));
        }
        if let Some(spread) = &args.spread {
            let spread = self.eval(spread, scope)?;
            positional.extend(containers::iterate(&self.budget, &spread)?);
        }
        if let Some(spread) = &args.spread_named {
            let spread = self.eval(spread, scope)?;
            spread.defined()?;
            let Value::Dict(dict) = &spread else {
                return Err(Fault::new(format!("argument after ** must be a mapping, not {}", spread.type_name())));
            };
            for (key, value) in dict.entries() {
                let Some(name) = key.as_str() else { return Err(Fault::new("keywords must be strings")) };
                if named.iter().any(|(known, _)| **known == *name) {
                    return Err(Fault::new(format!("got multiple values for keyword argument '{name}'")));
                }
                named.push((Arc::from(name), value.clone()));
            }
        }
        Ok(Args { positional, named })
    }

    /// `callee(…)`.
    pub(super) fn call(&mut self, callee: &Value, args: Args) -> Result<Value, Fault> {
        callee.defined()?;
        let not_callable = || Err(Fault::new(format!("'{}' object is not callable", callee.type_name())));
        let Value::Object(object) = callee else { return not_callable() };
        match &**object {
            Object::Macro(definition, closure) => self.nested(|interp| interp.call_macro(definition, *closure, args)),
            Object::Method(receiver, name) => match receiver {
                Value::Object(of) => match &**of {
                    Object::Loop(state) => self.loop_method(state, name, args),
                    _ => methods::call(&self.budget, receiver, name, args),
                },
                _ => methods::call(&self.budget, receiver, name, args),
            },
            Object::Global(name) => globals::call(self, name, args),
            Object::Loop(state) => self.nested(|interp| interp.recurse(state, args)),
            Object::Joiner { separator, used } => {
                args.none("joiner")?;
                Ok(if used.replace(true) { separator.clone() } else { Value::str("") })
            }
            _ => not_callable(),
        }
    }
}
